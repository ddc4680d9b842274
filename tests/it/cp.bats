# cp and export: files into and out of containers, whatever state they are in, and never past the container's root.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
setup() {
	W=$(mktemp -d "$SUITE_DIR/w.XXXXXX")
	export S=$SUITE_DIR/run/berth.sock
}
teardown() {
	remove_all > /dev/null
	rm -rf "$W"
}

sleeper() { # sleeper NAME [ARGS...]
	local name=$1
	shift
	timeout 30 berth run -d --name "$name" "$@" "dir:$ROOT" sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done' > /dev/null 2>&1
}
sanitized() { [ -n "${ASAN_OPTIONS:-}" ]; }
cp_() { timeout 60 berth cp -q "$@"; }
in_() { timeout 20 berth exec "$@"; }
worker() { # the pid of the process that works in a container
	local pid
	for pid in $(pgrep -f 'archive-work [0-9]'); do
		! grep -qs "/$SUITE_NAME/" "/proc/$pid/cgroup" || echo "$pid"
	done | grep .
}
put() { curl -s -o "$W/answer" -w '%{http_code}' --max-time 30 --unix-socket "$S" -X PUT --data-binary @- "http://x/containers/$1/archive?path=$2${3:-}"; }

@test "300 MB in and out: the same bytes, and the supervisor does not grow" {
	local before after
	head -c 300000000 /dev/urandom > "$W/big"
	sleeper box
	before=$(awk '/VmHWM/ { print $2 }' "/proc/$(supervisor_pid)/status")
	cp_ "$W/big" box:/root/big
	cp_ box:/root/big "$W/back"
	cmp "$W/big" "$W/back"
	[ "$(in_ box sha256sum /root/big | cut -d' ' -f1)" = "$(sha256sum < "$W/big" | cut -d' ' -f1)" ]
	timeout 60 berth export box | tar xO root/big | cmp - "$W/big"
	after=$(awk '/VmHWM/ { print $2 }' "/proc/$(supervisor_pid)/status")
	echo "VmHWM $before kB before, $after kB after"
	[ $((after - before)) -lt $(sanitized && echo 32768 || echo 4096) ] # what was freed is kept for a while there
}

@test "a client that does not read holds nothing up, and costs nothing" {
	local before after
	head -c 50000000 /dev/zero > "$W/big"
	sleeper box
	cp_ "$W/big" box:/root/big
	before=$(awk '/VmRSS/ { print $2 }' "/proc/$(supervisor_pid)/status")
	mkfifo "$W/slow"
	timeout 60 berth cp box:/root/big - > "$W/slow" &
	local client=$!
	exec 5< "$W/slow"
	sleep 0.5
	[ "$(timeout 5 berth exec box echo alive)" = alive ]
	after=$(awk '/VmRSS/ { print $2 }' "/proc/$(supervisor_pid)/status")
	[ $((after - before)) -lt 4096 ]
	exec 5<&-
	wait $client || true
	wait_until 5 no_workers
}
no_workers() { ! worker > /dev/null; }

@test "docker's rules: what is copied where" {
	sleeper box
	mkdir -p "$W/d/sub"
	echo a > "$W/d/a"
	echo b > "$W/d/sub/b"
	ln -s a "$W/d/link"
	cp_ "$W/d/a" box:/tmp/new && [ "$(in_ box cat /tmp/new)" = a ]
	cp_ "$W/d/sub/b" box:/tmp/new && [ "$(in_ box cat /tmp/new)" = b ]
	cp_ "$W/d/a" box:/tmp && in_ box test -f /tmp/a
	cp_ "$W/d" box:/tmp/made && in_ box test -f /tmp/made/sub/b
	cp_ "$W/d" box:/tmp/made && in_ box test -f /tmp/made/d/sub/b
	cp_ "$W/d/." box:/tmp/made && in_ box test ! -e /tmp/made/d/d
	cp_ "$W/d/link" box:/tmp/ && [ "$(in_ box readlink /tmp/link)" = a ]
	cp_ -L "$W/d/link" box:/tmp/followed && in_ box test ! -L /tmp/followed
	in_ box ln -s /tmp/made /root/there
	cp_ "$W/d/a" box:/root/there && in_ box test -f /tmp/made/a
	run -1 cp_ "$W/d" box:/tmp/new
	[ "$output" = "cannot copy directory" ]
	run -1 cp_ "$W/d/a" box:/tmp/missing/
	[ "$output" = "no such directory" ]
	run -1 cp_ "$W/d/a" box:/missing/x
	[ "$output" = "Error response from daemon: Could not find the file /missing in container box" ]

	cp_ box:/tmp/made "$W/out" && [ "$(cat "$W/out/sub/b")" = b ]
	cp_ box:/tmp/made "$W/out" && [ -f "$W/out/made/sub/b" ]
	cp_ box:/tmp/made/. "$W/flat" && [ -f "$W/flat/a" ]
	cp_ box:/tmp/new "$W/file" && [ "$(cat "$W/file")" = b ]
	cp_ box:/root/there "$W/" && [ -L "$W/there" ]
	rm "$W/there"
	cp_ -L box:/root/there "$W/" && [ -f "$W/there/a" ]
	run -1 cp_ box:/nowhere "$W/"
	[ "$output" = "Error response from daemon: Could not find the file /nowhere in container box" ]
	run -1 cp_ box:/tmp/new "$W/no/such"
	[ "$output" = "invalid output path: directory \"$W/no\" does not exist" ]
	run -1 cp_ box:/tmp/made "$W/file"
	[ "$output" = "cannot copy directory" ]
	run -1 cp_ box:/x box:/y
	[ "$output" = "copying between containers is not supported" ]
	run -1 cp_ x y
	[ "$output" = "must specify at least one container source" ]
	run -1 cp_ nobody:/x y
	[ "$output" = "Error response from daemon: No such container: nobody" ]
	timeout 20 berth cp "$W/d/a" box:/tmp/said 2>&1 | grep -qx "Successfully copied 2.05kB to box:/tmp/said"
}

@test "- is a tar stream in either direction; modes, owners, times and links stay" {
	sleeper box
	mkdir "$W/t"
	echo x > "$W/t/f"
	chown 1234:4321 "$W/t/f"
	chmod 4750 "$W/t/f"
	ln "$W/t/f" "$W/t/hard"
	name=$(printf 'n%.0s' {1..200})
	echo long > "$W/t/$name"
	touch -d '2001-02-03 04:05:06 UTC' "$W/t/f" "$W/t"
	tar -C "$W" -c t | cp_ - box:/root
	[ "$(in_ box stat -c '%a %u %g %Y %h' /root/t/f)" = "4750 1234 4321 981173106 2" ]
	[ "$(in_ box stat -c '%Y' /root/t)" = 981173106 ]
	[ "$(in_ box cat "/root/t/$name")" = long ]
	cp_ box:/root/t - | tar -C "$W" --transform 's/^t/back/' -xp
	diff -r "$W/t" "$W/back"
	[ "$(stat -c '%a %u %g %Y %h' "$W/back/f")" = "4750 1234 4321 981173106 2" ]
	run -1 cp_ - box:/root/t/f < /dev/null
	[ "$output" = 'destination "box:/root/t/f" must be a directory' ]
	for form in gnu ustar v7 pax; do
		rm -f "$W/t/$name"
		tar -C "$W" --format=$form -c t | cp_ - box:/tmp
		in_ box rm -r /tmp/t
	done
}

@test "a compressed archive, by whatever of gzip, bzip2, xz and zstd this host has" {
	sleeper box
	echo packed > "$W/f"
	for how in gzip bzip2 xz zstd; do
		command -v $how > /dev/null || continue
		tar -C "$W" -c f | $how -c > "$W/packed"
		[ "$(put box /root < "$W/packed")" = 200 ]
		[ "$(in_ box cat /root/f)" = packed ]
		in_ box rm /root/f
		truncate -s -5 "$W/packed"
		[ "$(put box /root < "$W/packed")" = 400 ]
		grep -q "the archive" "$W/answer"
		in_ box rm -f /root/f
	done
	[ "$(put box /root < /dev/null)" = 200 ]
}

@test "archives that want out of the root" {
	sleeper box
	echo whole > "$W/victim"
	evil() { python3 - "$@" <<-'PY' > "$W/evil.tar"
		import io, sys, tarfile
		t = tarfile.open(fileobj=sys.stdout.buffer, mode="w", format=tarfile.PAX_FORMAT)
		for arg in sys.argv[1:]:
		    kind, name, link = arg.split("|")
		    i = tarfile.TarInfo(name)
		    i.type = {"f": tarfile.REGTYPE, "s": tarfile.SYMTYPE, "h": tarfile.LNKTYPE, "d": tarfile.DIRTYPE}[kind]
		    i.linkname = link
		    data = b"broken\n" if kind == "f" else b""
		    i.size = len(data)
		    t.addfile(i, io.BytesIO(data))
		t.close()
	PY
	}
	evil "f|../../../../$W/victim|"
	[ "$(put box /tmp < "$W/evil.tar")" = 400 ]
	grep -q 'is outside of' "$W/answer"
	evil "s|up|../../../../../../../.." "f|up$W/victim|"
	put box /tmp < "$W/evil.tar"
	in_ box test -f "$W/victim" # inside, where the container's own root ends
	evil "s|abs|$W" "f|abs/victim|"
	put box /tmp < "$W/evil.tar"
	evil "h|hard|../../../../../../$W/victim"
	[ "$(put box /tmp < "$W/evil.tar")" = 400 ]
	evil "s|proc|/proc/1/root" "f|proc/victim|"
	put box / < "$W/evil.tar"
	evil "f|proc/sys/kernel/core_pattern|"
	[ "$(put box / < "$W/evil.tar")" != 200 ]
	[ "$(cat "$W/victim")" = whole ]
	head -c 700 "$W/evil.tar" > "$W/cut.tar"
	head -c 5000 /dev/urandom > "$W/noise.tar"
	[ "$(put box /tmp < "$W/noise.tar")" = 400 ]
	grep -q 'invalid tar header' "$W/answer"

	# The container is the evil one, and the reader is on the host.
	in_ box sh -c "ln -sf $W /root/out; mkdir -p /root/d; ln -sf ../../../../../../../../../$W/victim /root/d/v"
	run -1 cp_ "box:/root/out/victim2" "$W/"
	cp_ box:/root/d "$W/got"
	[ -L "$W/got/v" ]
	[ "$(cat "$W/victim")" = whole ]
}

@test "a hostile daemon's archive does not leave the directory here either" {
	mkdir "$W/dest"
	echo whole > "$W/victim"
	python3 - "$W" <<-'PY' &
		import io, socket, sys, tarfile, base64
		w = sys.argv[1]
		out = io.BytesIO()
		t = tarfile.open(fileobj=out, mode="w")
		i = tarfile.TarInfo("x/"); i.type = tarfile.DIRTYPE; i.mode = 0o755; t.addfile(i)
		i = tarfile.TarInfo("x/evil"); i.type = tarfile.SYMTYPE; i.linkname = w; t.addfile(i)
		i = tarfile.TarInfo("x/evil/victim"); i.size = 7; t.addfile(i, io.BytesIO(b"broken\n"))
		t.close()
		stat = base64.b64encode(b'{"name":"x","size":0,"mode":2147484141,"mtime":"2026-01-01T00:00:00Z","linkTarget":""}').decode()
		s = socket.socket(socket.AF_UNIX); s.bind(w + "/sock"); s.listen(1)
		c, _ = s.accept(); c.recv(65536)
		c.sendall(("HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (stat, len(out.getvalue()))).encode() + out.getvalue())
		c.close()
	PY
	wait_until 5 test -S "$W/sock"
	run -1 timeout 20 berth -H "unix://$W/sock" cp -q box:/x "$W/dest"
	[ "$(cat "$W/victim")" = whole ]
	wait
}

@test "a stopped, a paused and a never started container; volumes are seen" {
	echo v > "$W/v"
	sleeper box -v data:/data -v "$W:/host:ro" --tmpfs /scratch
	cp_ "$W/v" box:/data/one
	cp_ "$W/v" box:/scratch/t
	in_ box test -f /scratch/t
	berth pause box > /dev/null
	cp_ "$W/v" box:/data/two
	cp_ box:/data/two "$W/two"
	berth unpause box > /dev/null
	in_ box test -f /data/two
	berth stop -t 2 box > /dev/null
	cp_ "$W/v" box:/data/three
	cp_ "$W/v" box:/root/three
	cp_ box:/data - | tar t | grep -qx data/three
	cp_ box:/host/v "$W/again"
	timeout 20 berth export box | tar t > "$W/list"
	grep -qx root/three "$W/list"
	! grep -q 'data/three' "$W/list"
	berth start box > /dev/null
	in_ box cat /data/three /root/three > /dev/null
	timeout 30 berth create --name fresh -v filled:/etc "dir:$ROOT" true > /dev/null 2>&1
	cp_ fresh:/etc/passwd "$W/passwd"
	cmp "$W/passwd" "$ROOT/etc/passwd"
	cp_ "$W/v" fresh:/etc/added
	cp_ "$W/v" fresh:/home/here
	cp_ fresh:/home/here - | tar xO | cmp - "$W/v"
}

@test "what is read-only stays so, with docker's words" {
	echo v > "$W/v"
	sleeper box --read-only -v data:/data -v "$W:/ro:ro" --tmpfs /tmp
	run -1 cp_ "$W/v" box:/root/
	[ "$output" = "Error response from daemon: container rootfs is marked read-only" ]
	run -1 cp_ "$W/v" box:/ro/
	[ "$output" = "Error response from daemon: mounted volume is marked read-only" ]
	[ "$(tar -C "$W" -c v | put box /root)" = 400 ]
	cp_ "$W/v" box:/data/
	cp_ box:/data/v "$W/back"
	berth stop -t 2 box > /dev/null
	run -1 cp_ "$W/v" box:/root/
	[ "$output" = "Error response from daemon: container rootfs is marked read-only" ]
	run -1 cp_ "$W/v" box:/ro/
	[ "$output" = "Error response from daemon: mounted volume is marked read-only" ]
	cp_ "$W/v" box:/data/again
}

@test "a container with a user namespace: its ids in the archive, the host's on the disk" {
	local maps='[{"ContainerID":0,"HostID":100000,"Size":65536}]'
	curl -sf --max-time 20 --unix-socket "$S" -H 'Content-Type: application/json' -o /dev/null "http://x/containers/create?name=box" -d "{
		\"Image\":\"dir:$ROOT\", \"Cmd\":[\"sh\",\"-c\",\"while :; do sleep 0.2; done\"], \"HostConfig\":{\"Tmpfs\":{\"/scratch\":\"\"}},
		\"Berth\":{\"UserMaps\":{\"Uid\":$maps,\"Gid\":$maps}}}"
	echo v > "$W/v"
	chown 1000:1000 "$W/v"
	cp_ "$W/v" box:/root/early
	berth start box > /dev/null
	cp_ "$W/v" box:/root/late
	tar -C "$W" -c --transform 's,^,deep/er/,' v | cp_ - box:/scratch
	[ "$(in_ box stat -c %u:%g /root/early /root/late /scratch/deep/er/v /scratch/deep | tr '\n' ' ')" = "1000:1000 1000:1000 1000:1000 0:0 " ]
	[ "$(cp_ box:/root - | tar tv --numeric-owner | awk '{ print $2 }' | sort -u | tr '\n' ' ')" = "0/0 1000/1000 " ]
	chown 70000 "$W/v"
	run -1 cp_ "$W/v" box:/root/late
	[[ "$output" == *"is nobody in the container"* ]]
	[ "$(in_ box cat /root/late)" = v ]
}

@test "a copy during restarts finds the container as it is then" {
	echo v > "$W/v"
	sleeper box
	for i in 1 2 3 4 5 6; do
		timeout 30 berth restart -t 0 box > /dev/null &
		cp_ "$W/v" "box:/root/$i"
		cp_ "box:/root/$i" "$W/back$i"
		wait
	done
	[ "$(in_ box ls /root | wc -l)" = 6 ]
	[ "$(cat "$W"/back* | wc -l)" = 6 ]
}

@test "a removal does not wait for a copy that stands still" {
	sleeper box
	mkfifo "$W/never"
	timeout 60 berth cp -q - box:/tmp < "$W/never" &
	local client=$!
	exec 5> "$W/never"
	tar -C "$ROOT" -c etc | head -c 600 >&5
	wait_until 5 worker
	timeout 20 berth rm -f box > /dev/null
	timeout 30 berth create --name box "dir:$ROOT" true > /dev/null 2>&1
	exec 5>&-
	wait $client || true
	wait_until 5 no_workers
	timeout 60 berth cp -q - box:/tmp < "$W/never" &
	client=$!
	exec 5> "$W/never"
	tar -C "$ROOT" -c etc | head -c 600 >&5
	wait_until 5 worker
	timeout 20 berth rm -f box > /dev/null
	exec 5>&-
	wait $client || true
	wait_until 5 no_workers
	wait_until 10 sh -c '[ -z "$(find "$SUITE_DIR/data/trash" "$SUITE_DIR/data/containers" -mindepth 1)" ]'
}

@test "-a gives the files to the container's user" {
	echo v > "$W/v"
	sleeper box -u alice
	cp_ -a "$W/v" box:/tmp/hers
	cp_ "$W/v" box:/tmp/root
	[ "$(in_ -u 0 box stat -c %u:%g /tmp/hers /tmp/root | tr '\n' ' ')" = "1000:1000 0:0 " ]
}

@test "the answer's header: Go's mode, the link's end, 404 and 400" {
	sleeper box
	in_ box sh -c 'ln -s /etc/../etc/passwd /tmp/l; mkdir -m 1777 /tmp/sticky'
	stat_of() { curl -s -I --max-time 20 --unix-socket "$S" "http://x/containers/box/archive?path=$1" | tr -d '\r' | awk '/^X-Docker/ { print $2 }' | base64 -d; }
	[ "$(stat_of /tmp/l | python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["name"], d["linkTarget"], d["mode"] >> 27 & 1)')" = "l /etc/passwd 1" ]
	[ "$(stat_of /tmp/sticky | python3 -c 'import json,sys; d=json.load(sys.stdin); print(oct(d["mode"]))')" = 0o20004000777 ]
	code() { curl -s -o /dev/null -w '%{http_code}' --max-time 20 --unix-socket "$S" "$@"; }
	[ "$(code -I "http://x/containers/box/archive?path=/nope")" = 404 ]
	[ "$(code "http://x/containers/box/archive")" = 400 ]
	[ "$(code "http://x/containers/box/archive?path=/etc/passwd/")" = 400 ]
	[ "$(code "http://x/containers/nobody/archive?path=/")" = 404 ]
	[ "$(code -X PUT -d x "http://x/containers/box/archive?path=/etc/passwd")" = 400 ]
	timeout 20 berth events --since 1h --until 0s --filter container=box > "$W/events"
	grep -q archive-path "$W/events" || { cp_ box:/etc/passwd - > /dev/null; timeout 20 berth events --since 1h --until 0s | grep -q archive-path; }
}

@test "the process that works in there holds nothing, may do nothing else, and dies with the supervisor" {
	local pid
	sleeper box
	mkfifo "$W/never"
	timeout 60 berth cp -q - box:/tmp < "$W/never" &
	exec 5> "$W/never"
	tar -C "$ROOT" -c etc | head -c 600 >&5
	wait_until 5 worker
	sleep 0.2
	pid=$(worker)
	if ! sanitized; then
		[ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$pid/status")" = 2 ]
		[ "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status")" = 1 ]
		grep -q "^Max data size  *536870912  *536870912" "/proc/$pid/limits"
	fi
	[ "$(awk '/^CapEff:/ { print $2 }' "/proc/$pid/status")" = "$(printf '%016x' $((1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 27 | 1 << 31)))" ]
	grep -q "/$SUITE_NAME/launch" "/proc/$pid/cgroup"
	[ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink "/proc/$(supervisor_pid)/ns/mnt")" ]
	! ls -l "/proc/$pid/fd" | grep -E 'socket|anon_inode|memfd'
	! tr '\0' '\n' < "/proc/$pid/environ" | grep -q .
	kill -9 "$(supervisor_pid)"
	wait_until 5 process_gone "$pid"
	exec 5>&-
	wait || true
	wait_until 10 timeout 5 berth version > /dev/null
	cp_ box:/etc/passwd - > /dev/null
}

closed() { # closed PATH: a device that the process sees, and nobody opens by it
	local pid
	wait_until 5 worker > /dev/null
	pid=$(worker)
	wait_until 5 sandboxed "$pid"
	wait_until 5 test -c "/proc/$pid/root/$1"
	run -1 dd "if=/proc/$pid/root/$1" of=/dev/null bs=1 count=1
	[[ "$output" == *"Permission denied"* ]]
}
sandboxed() { # its last step before it opens a path; a sanitizer's own calls leave no room for a filter
	if sanitized; then
		grep -q '^CapEff:.*000000008800001f$' "/proc/$1/status"
	else
		grep -q '^Seccomp:.*2$' "/proc/$1/status"
	fi
}

@test "a device below the container's root is a header to copy, and none for that process to open" {
	! sanitized || skip "nothing shows from outside when it has its place, where it has no filter"
	local maps='[{"ContainerID":0,"HostID":100000,"Size":65536}]' client
	sleeper box
	in_ box mknod /root/node c 1 9
	[ "$(cp_ box:/root/node - | tar tv | awk '{ print substr($1, 1, 1), $3 }')" = "c 1,9" ]
	mkdir "$W/d"
	mknod "$W/d/null" c 1 3
	tar -C "$W/d" -c null | cp_ - box:/root
	[ "$(in_ box stat -c '%F %t,%T' /root/null)" = "character special file 1,3" ]
	curl -sf --max-time 20 --unix-socket "$S" -H 'Content-Type: application/json' -o /dev/null "http://x/containers/create?name=mapped" -d "{
		\"Image\":\"dir:$ROOT\", \"Cmd\":[\"sh\",\"-c\",\"while :; do sleep 0.2; done\"], \"Berth\":{\"UserMaps\":{\"Uid\":$maps,\"Gid\":$maps}}}"
	berth start mapped > /dev/null
	mkfifo "$W/never" "$W/slow"
	for at in box:root/node box:dev/urandom mapped:dev/urandom stopped:root/node; do
		[ "${at%%:*}" != stopped ] || timeout 20 berth stop -t 1 box > /dev/null
		[ "${at%%:*}" = mapped ] || at=box:${at#*:}
		timeout 60 berth cp -q - "${at%%:*}:/tmp" < "$W/never" &
		client=$!
		exec 5> "$W/never"
		tar -C "$ROOT" -c etc | head -c 600 >&5
		closed "${at#*:}"
		exec 5>&-
		wait $client || true
		wait_until 5 no_workers
	done
	[ "$(cp_ box:/root/node - | tar tv | awk '{ print substr($1, 1, 1), $3 }')" = "c 1,9" ]
	tar -C "$W/d" -c --transform s,null,again, null | cp_ - box:/root
	berth start box > /dev/null
	in_ box test -c /root/again
	in_ box sh -c 'head -c 50000000 /dev/zero > /aaa; head -c 1 /root/node > /dev/null; cat /root/again'
	for name in box mapped; do
		[ $name = box ] || in_ mapped sh -c 'head -c 50000000 /dev/zero > /aaa'
		timeout 60 berth export $name > "$W/slow" &
		client=$!
		exec 5< "$W/slow"
		[ $name = mapped ] && wait_until 5 worker > /dev/null || closed root/node
		exec 5<&-
		wait $client || true
		wait_until 5 no_workers
	done
	timeout 60 berth export mapped | tar t | grep -qx aaa
}

@test "a start waits for files that are on their way into the stopped container" {
	timeout 30 berth create --name box "dir:$ROOT" sh -c 'cat /root/f; sleep 60' > /dev/null 2>&1
	mkfifo "$W/slow"
	timeout 60 berth cp -q - box:/root < "$W/slow" &
	exec 5> "$W/slow"
	echo in > "$W/f"
	tar -C "$W" -c f > "$W/f.tar"
	head -c 600 "$W/f.tar" >&5
	sleep 0.5
	timeout 30 berth start box > "$W/started" 5>&- &
	local start=$!
	sleep 0.5
	[ ! -s "$W/started" ]
	tail -c +601 "$W/f.tar" >&5
	exec 5>&-
	wait $start
	wait_until 5 sh -c '[ "$(berth logs box)" = in ]'
	cp_ box:/root/f - | tar xO | grep -qx in
}

@test "export -o writes a whole file or none" {
	sleeper box
	in_ box sh -c 'echo x > /root/x; mkdir /root/empty'
	timeout 30 berth export -o "$W/c.tar" box
	tar tf "$W/c.tar" > "$W/list"
	grep -qx root/x "$W/list"
	grep -qx root/empty/ "$W/list"
	! grep -q '^\(proc\|sys\|dev\)/.' "$W/list"
	run -1 timeout 20 berth export -o "$W/none.tar" nobody
	[ "$output" = "Error response from daemon: No such container: nobody" ]
	[ -z "$(ls "$W" | grep none)" ]
	run -1 timeout 20 berth export -o "$W/no/dir" box
	[[ "$output" == "invalid output path: directory "* ]]
	run -1 script -qec "timeout 20 berth export box" /dev/null
	[[ "$output" == *"cowardly refusing to save to a terminal"* ]]
}

@test "diff: what was added, changed and deleted, running or not" {
	sleeper box -v data:/data --tmpfs /scratch
	[ "$(timeout 20 berth diff box)" = "A /data
A /scratch" ]
	in_ box sh -c 'echo x > /root/new; echo more >> /etc/group; rm /etc/passwd; mkdir -p /var/lib/a/b; echo v > /data/v; echo t > /scratch/t'
	cat > "$W/want" <<-EOF
		A /data
		C /etc
		C /etc/group
		D /etc/passwd
		C /root
		A /root/new
		A /scratch
		C /var/lib
		A /var/lib/a
		A /var/lib/a/b
	EOF
	timeout 20 berth diff box | diff "$W/want" -
	berth stop -t 2 box > /dev/null
	timeout 20 berth diff box | diff "$W/want" -
	run -1 timeout 20 berth diff nobody
	[ "$output" = "Error response from daemon: No such container: nobody" ]
	timeout 30 berth create --name fresh "dir:$ROOT" true > /dev/null 2>&1
	[ -z "$(timeout 20 berth diff fresh)" ]
	# A directory that was removed and made again hides the one below.
	berth start box > /dev/null
	in_ box sh -c 'rm -r /bin/arch /var; mkdir -p /var/lib; echo 1 > /var/one'
	timeout 20 berth diff box > "$W/list"
	grep -qx 'D /bin/arch' "$W/list"
	grep -qx 'C /var' "$W/list"
	grep -qx 'A /var/one' "$W/list"
}
