# What payloads and bodies try against the daemon as a whole; what they try against one launch is tests/unit/test_launch_attack.c.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

@test "a part of a volume is that part, and a link that another container left there is refused" {
	berth run --network none --rm -v parts:/v "dir:$ROOT" sh -c 'mkdir -p /v/in /v/etc; echo here > /v/in/file; ln -s /etc /v/out; ln -s in /v/near'
	part() { berth run --network none --rm --mount "type=volume,source=parts,target=/part,volume-subpath=$1" "dir:$ROOT" ls /part; }
	[ "$(part in)" = file ]
	local link
	for link in out near; do
		run part "$link"
		[ "$status" -ne 0 ]
		[[ "$output" == *"subpath $link"* ]]
	done
}

@test "what root writes to /etc/hosts does not fill the file system of everybody's records" {
	berth run -d --network none --name full --add-host a:1.2.3.4 --add-host b=::5 "dir:$ROOT" sleep 100
	[ "$(berth exec full tail -n 2 /etc/hosts)" = $'1.2.3.4\ta\n::5\tb' ]
	local file
	for file in hosts hostname resolv.conf; do
		berth exec full sh -c "head -c 1000000 /dev/zero >> /etc/$file"
	done
	[ "$(du -sk "$SUITE_DIR/run" | cut -f1)" -lt 1000 ]
	[[ "$(berth inspect full)" == *'"HostsPath": "'"$SUITE_DIR/data/"* ]]
	berth rm -f full
	[ -z "$(ls "$SUITE_DIR/data/containers")" ]
}
