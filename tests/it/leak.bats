# Many containers started, stopped and removed, twice: the second time takes no more memory than the first, and no descriptors.
# BERTH_N containers (default 60, in a virtual machine 10; at most 200).
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

descriptors() { ls -l "/proc/$(supervisor_pid)/fd" "/proc/$(keeper_pid)/fd" | sed -n 's/.* -> //p' | sed -E 's/[0-9]+/N/g' | sort | uniq -c; }
rss_kb() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }
sanitized() { grep -q __asan_init "$BERTH_BUILD/berth"; }

# All of them at once: most write and sleep, some are attached to, some are exec'd into, one in ten ends by itself.
loop() { # loop N
	local i names=()
	for i in $(seq "$1"); do
		names+=("l$i")
		case $((i % 10)) in
		1) [ "$(berth run --name "l$i" --network none "dir:$ROOT" sh -c 'seq 200; echo end' | tail -1)" = end ] ;;
		2) [ "$(echo word | berth run -i --name "l$i" --network none "dir:$ROOT" cat)" = word ] ;;
		3) berth run -d -t --name "l$i" --network none "dir:$ROOT" sh -c 'seq 100; exec sleep 600' ;;
		*) berth run -d --name "l$i" --network none "dir:$ROOT" sh -c 'seq 100; seq 100 >&2; exec sleep 600' ;;
		esac
		[ $((i % 5)) != 4 ] || [ "$(berth exec "l$i" echo "in $i")" = "in $i" ]
	done > /dev/null
	berth stop -t 0 "${names[@]}" > /dev/null
	[ "$(berth logs l5 2>&1 | wc -l)" = 200 ]
	berth rm "${names[@]}" > /dev/null
	[ -z "$(berth ps -aq)" ]
}

@test "a second loop of containers takes neither memory nor descriptors" {
	local n=${BERTH_N:-${BERTH_TEST_VM:+10}} who before_supervisor before_keeper
	n=${n:-60}
	[ "$n" -le 200 ] || n=200
	loop "$n"
	descriptors > "$SUITE_DIR/descriptors"
	before_supervisor=$(rss_kb "$(supervisor_pid)")
	before_keeper=$(rss_kb "$(keeper_pid)")
	loop "$n"
	same() { [ "$(descriptors)" = "$(cat "$SUITE_DIR/descriptors")" ]; }
	wait_until 10 same || { descriptors | diff "$SUITE_DIR/descriptors" -; false; }
	for who in supervisor keeper; do
		local before=before_$who after
		after=$(rss_kb "$("${who}_pid")")
		echo "$who: ${!before} kB, then $after kB"
		sanitized || [ $((after - ${!before})) -le 512 ]
	done
}
