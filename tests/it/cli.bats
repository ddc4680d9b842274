# The command line by itself: help, suggestions, groups of verbs. No daemon is asked.
load lib

setup_file() { export PATH=$BERTH_BUILD:$PATH; }

refused() { # refused STATUS TEXT ARGS...: the error is TEXT
	local status_wanted=$1 text=$2
	shift 2
	run timeout 10 berth "$@"
	echo "$output"
	[ "$status" -eq "$status_wanted" ]
	[[ "$output" == *"$text"* ]]
}

@test "what is not known suggests the nearest" {
	refused 1 "berth: 'pss' is not a berth verb. Did you mean 'ps'?" pss
	refused 1 "Did you mean 'daemon'?" deamon
	refused 1 "Did you mean 'compose'?" compse
	refused 1 "berth: 'ups' is not a berth compose verb. Did you mean 'up'?" compose ups
	refused 1 "See 'berth compose --help'" compose qqqqqqqq
	refused 125 "unknown flag: --qiuet (did you mean --quiet?)" ps --qiuet
	refused 125 "unknown shorthand flag: 'n' in -name (did you mean --name?)" run -name x image
	refused 125 "unknown flag: --hots (did you mean --host?)" --hots unix:///x ps
	refused 1 "unknown flag: --flie (did you mean --file?)" compose --flie x up
	refused 2 "unknown option: --run-rot (did you mean --run-root?)" supervise --run-rot /x
	refused 1 "Run 'berth compose up --help'" compose up --detatch
}

@test "every verb has a help of its own that names all of its flags" {
	local verb
	run berth --help
	[ "$status" -eq 0 ]
	for verb in $(berth --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		run berth "$verb" --help
		[ "$status" -eq 0 ] || { echo "$verb: $output"; return 1; }
		[[ "$output" == *Usage*berth*"$verb"* || "$verb" = daemon ]] || { echo "$verb: $output"; return 1; }
		[[ "$output" == *--help* ]] || { echo "$verb: $output"; return 1; }
	done
	for verb in $(berth compose --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		run berth compose "$verb" --help
		[ "$status" -eq 0 ]
		[[ "$output" == "Usage:  berth compose $verb "* ]] || { echo "$verb: $output"; return 1; }
		[ "$output" = "$(berth help compose "$verb")" ]
	done
	[ "$(berth help ps)" = "$(berth ps --help)" ]
	[ "$(berth help)" = "$(berth)" ]
}

@test "options of a group stand before its verb or behind it" {
	mkdir -p "$BATS_TEST_TMPDIR/p"
	refused 1 "no configuration file provided: not found" compose --project-directory "$BATS_TEST_TMPDIR/p" up
	refused 1 "Cannot connect to the berth daemon" -H unix:///nowhere compose -f "$BATS_TEST_TMPDIR/x.yaml" config
	refused 1 "Cannot connect to the berth daemon" -H unix:///nowhere compose config -f "$BATS_TEST_TMPDIR/x.yaml"
}
