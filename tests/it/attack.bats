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
