# The flags of run, each seen from inside the container, and what a wrong one says.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

image() { echo "dir:$ROOT"; }
box() { berth run --network none --rm "$@"; }

@test "a working directory is made where it is missing, and must be a directory" {
	run box -w /new/dir "$(image)" sh -c 'pwd; stat -c "%a %u" /new/dir'
	[ "${lines[*]}" = "/new/dir 755 0" ]
	run box -w /new/dir --read-only "$(image)" pwd
	[ "$output" = /new/dir ]
	run box -w /etc/passwd "$(image)" pwd
	[ "$status" -eq 126 ]
	[[ "$output" == *'chdir to cwd ("/etc/passwd")'*"not a directory"* ]]
}

@test "--cidfile: an absolute path, written once" {
	berth run --network none -d --cidfile "$SUITE_DIR/cid" --name cc "$(image)" sleep 100 > "$SUITE_DIR/id"
	[ "$(cat "$SUITE_DIR/cid")" = "$(cat "$SUITE_DIR/id")" ]
	run box --cidfile "$SUITE_DIR/cid" "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$output" == *"container ID file found"*"$SUITE_DIR/cid"* ]]
	run box --cidfile "$SUITE_DIR/no/such/cid" "$(image)" true
	[ "$status" -eq 125 ]
	rm "$SUITE_DIR/cid"
}

@test "namespaces: of the host and of another container" {
	local ns
	for ns in ipc pid uts; do
		run box --$ns host "$(image)" readlink /proc/self/ns/$ns
		[ "$output" = "$(readlink /proc/self/ns/$ns)" ] || { echo "$ns: $output"; return 1; }
	done
	run box --network host "$(image)" readlink /proc/self/ns/net
	[[ "$output" == *"$(readlink /proc/self/ns/net)" ]]
	run box --cgroupns host "$(image)" readlink /proc/self/ns/cgroup
	[ "$output" = "$(readlink /proc/self/ns/cgroup)" ]
	berth run --network none -d --name first --ipc shareable "$(image)" sleep 100
	run box --pid container:first "$(image)" sh -c 'grep -l sleep /proc/1/cmdline'
	[ "$output" = /proc/1/cmdline ]
	[ "$(box --ipc container:first "$(image)" readlink /proc/self/ns/ipc)" = "$(berth exec first readlink /proc/self/ns/ipc)" ]
	[ "$(berth run --rm --network container:first "$(image)" readlink /proc/self/ns/net)" = "$(berth exec first readlink /proc/self/ns/net)" ]
	run box --pid container:nosuch "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$output" == *nosuch* ]]
}

@test "what is missing for a start and is no program is 125" {
	run box --device /dev/nosuch "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$output" == *'"/dev/nosuch"'* ]]
	run box --sysctl net.foo.bar=1 "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$output" == *net.foo.bar* ]]
}

@test "users and groups: by name, by id, a group alone" {
	run box -u alice "$(image)" id -u
	[ "$output" = 1000 ]
	run box -u alice:extra "$(image)" id -g
	[ "$output" = 1500 ]
	run box -u :5 "$(image)" sh -c 'id -u; id -g'
	[ "${lines[*]}" = "0 5" ]
	run box -u nobody "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$output" == *"unable to find user nobody"* ]]
}

@test "a wrong value says what is wanted" {
	run berth run --memory=abc "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$output" == *'invalid argument "abc" for "-m, --memory" flag: must be a size such as'* ]]
	run berth run --cpus=abc "$(image)" true
	[[ "$output" == *'"--cpus" flag: must be a number such as 0.5'* ]]
	run berth stop -t abc x
	[[ "$output" == *'"-t, --timeout" flag: must be a whole number'* ]]
	run berth run --rm=perhaps "$(image)" true
	[[ "$output" == *'"--rm" flag: must be true or false'* ]]
}

@test "an init that reaps, scheduling and shared memory" {
	run box --init "$(image)" sh -c '(sleep 0.1 & ) ; sleep 0.5; grep -c "^State:.Z" /proc/[0-9]*/status | grep -c ":1$"; cat /proc/1/cmdline | tr "\0" " "'
	[ "${lines[0]}" = 0 ]
	[[ "${lines[1]}" == init* ]]
	run box --shm-size 8m "$(image)" sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
	[ "$output" = 8192 ]
	run box --cpuset-cpus 0 "$(image)" grep Cpus_allowed_list /proc/self/status
	[[ "$output" == *0 ]]
	run box --cpuset-cpus 77 "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$output" == *"Requested CPUs are not available - requested 77"* ]]
	run box --tmpfs /t:size=1m,mode=1770,uid=5 "$(image)" stat -c '%a %u' /t
	[ "$output" = "1770 5" ]
}

@test "oci-bundle: a bundle's own process, environment and root" {
	command -v crun > /dev/null || skip "no crun here to write a bundle"
	local bundle=$SUITE_DIR/bundle
	mkdir -p "$bundle"
	cp -a "$ROOT" "$bundle/rootfs"
	(cd "$bundle" && crun spec)
	jq '.process.args = ["sh", "-c", "echo $FROM; pwd; hostname"] | .process.env += ["FROM=bundle"] | .process.terminal = false | .process.cwd = "/tmp"' \
		"$bundle/config.json" > "$bundle/new" && mv "$bundle/new" "$bundle/config.json"
	run berth run --network none --rm -h box "oci-bundle:$bundle"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[ "${lines[0]}" = bundle ]
	[ "${lines[1]}" = /tmp ]
	run berth run --network none --rm "oci-bundle:$bundle" echo mine
	[ "$output" = mine ]
	echo '{ "ociVersion": 7, "root": { "path": "rootfs" } }' > "$bundle/config.json"
	run berth run --network none --rm "oci-bundle:$bundle" true
	[ "$status" -eq 125 ]
	[[ "$output" == *ociVersion* ]]
	run berth run --network none --rm "oci-bundle:$SUITE_DIR" true
	[ "$status" -eq 125 ]
	[[ "$output" == *config.json* ]]
	rm -rf "$bundle"
}
