# The completions of shells and the manual pages, made from the verb tables.
load lib

setup_file() {
	start_suite
	mkdir -p "$SUITE_DIR/project"
	berth run -d --name runs --network none "dir:$ROOT" sleep 600 > /dev/null
	berth create --name rests --network none "dir:$ROOT" true > /dev/null
	printf 'name: shell\nservices:\n  webby: { image: "dir:%s" }\n  worker: { image: "dir:%s" }\n' "$ROOT" "$ROOT" > "$SUITE_DIR/project/compose.yaml"
}
teardown_file() { end_suite; }
setup() { cd "$SUITE_DIR/project" || return 1; }

# of LINE: what bash offers at the end of it, in one line
of() {
	timeout 10 bash -c 'source <(berth completion bash); COMP_LINE=$1 COMP_POINT=${#1}; _berth; printf "%s\n" "${COMPREPLY[@]}"' _ "$1" | sort | tr '\n' ' '
}

@test "verbs, groups and flags" {
	[ "$(of 'berth sto')" = "stop " ]
	[ "$(of 'berth com')" = "completion compose " ] || { of 'berth com'; return 1; }
	[ "$(of 'berth dae')" = "daemon " ]
	[ "$(of 'berth compose res')" = "restart " ]
	[ "$(of 'berth compose --project-n')" = "--project-name " ]
	[ "$(of 'berth compose -p x --profile y dow')" = "down " ]
	[ "$(of 'berth ps --no')" = "--no-trunc " ]
	[ "$(of 'berth compose up --no-d')" = "--no-deps " ]
	[[ "$(of 'berth ')" == *" check "*" compose "*" ps "*" run "* ]]
	[ "$(of 'berth --hos')" = "--host " ]
	[ "$(of 'berth nothing ')" = " " ]
}

@test "containers by what the verb is about, services, projects, values" {
	[ "$(of 'berth stop ')" = "runs " ]
	[ "$(of 'berth start ')" = "rests " ]
	[ "$(of 'berth rm -f ')" = "rests runs " ]
	[ "$(of 'berth rm -f runs re')" = "rests " ]
	[ "$(of 'berth exec -it ')" = "runs " ]
	[ "$(of 'berth exec -u root -e A=b r')" = "runs " ]
	[ "$(of 'berth exec runs ')" = " " ]
	[ "$(of "berth -H $BERTH_HOST logs ru")" = "runs " ]
	[ "$(BERTH_HOST=unix:///nowhere of 'berth logs ')" = " " ]
	[ "$(of 'berth compose logs ')" = "webby worker " ]
	[ "$(of 'berth up -d we')" = "webby " ]
	cd /
	[ "$(of "berth compose -f $SUITE_DIR/project/compose.yaml exec wo")" = "worker " ]
	[ "$(of 'berth kill -s SIGT')" = "SIGTERM " ]
	[ "$(of 'berth run --restart ')" = "always no on-failure unless-stopped " ]
	[ "$(of 'berth completion ')" = "bash fish zsh " ]
	[ "$(timeout 5 berth __complete run -v '' | tail -1)" = :file ]
	[ "$(timeout 5 berth __complete compose -f '')" = :file ]
}

@test "a person types, and bash completes" {
	cat > "$SUITE_DIR/type.exp" <<-'EOF'
		set timeout 10
		spawn bash --norc --noprofile -i
		send "bind 'set enable-bracketed-paste off'; PS1='ready> '; source <(berth completion bash)\r"
		expect -re {ready> $}
		send "echo \[; berth insp\t ru\t -f '{{.Na\ty}}'; echo \]\r"
		expect -re {ready> $}
		send "berth compose con\t --q\t && echo fine\r"
		expect -re {fine.*ready> $}
		send "exit\r"
		expect eof
	EOF
	run timeout 40 expect "$SUITE_DIR/type.exp"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"berth inspect  runs  -f"* ]]
	[[ "$output" == *"berth compose config  --quiet  &&"* ]]
}

@test "a daemon that does not answer holds up nobody" {
	kill -STOP "$(supervisor_pid)"
	local before=$SECONDS
	of 'berth logs '
	kill -CONT "$(supervisor_pid)"
	[ $((SECONDS - before)) -lt 5 ]
}

@test "the scripts are what the shells can read" {
	local shell
	for shell in bash zsh fish; do
		berth completion $shell > "$SUITE_DIR/$shell"
		! command -v $shell > /dev/null || $shell -n "$SUITE_DIR/$shell"
	done
	run berth completion tcsh
	[ "$status" -eq 125 ]
	[[ "$output" == *"no completion for 'tcsh': there is bash, zsh and fish"* ]]
}

@test "a manual page for each verb, with all of its flags" {
	local page verb flag
	mkdir "$SUITE_DIR/man"
	berth __man "$SUITE_DIR/man"
	for verb in $(berth __complete '' | cut -f1 | grep -v '^daemon$\|^help$'); do
		page=$SUITE_DIR/man/berth-$verb.1
		[ -s "$page" ] || { echo "no page for $verb"; return 1; }
		for flag in $(berth "$verb" --help | grep -o '^ .*--[a-z-]*' | grep -o -- '--[a-z-]*'); do
			grep -qF -- "${flag//-/\\-}" "$page" || { echo "$page lacks $flag"; return 1; }
		done
	done
	[ -s "$SUITE_DIR/man/berth.1" ]
	[ -s "$SUITE_DIR/man/berth-compose-ps.1" ]
	if command -v groff > /dev/null; then
		for page in "$SUITE_DIR"/man/*.1; do
			run groff -man -ww -z -Tutf8 "$page"
			[ -z "$output" ] || { echo "$page: $output"; return 1; }
		done
		groff -man -Tascii -P-cbou "$SUITE_DIR/man/berth-compose-logs.1" | grep -q -- '-n, --tail string'
	fi
	run berth __man /nowhere
	[ "$status" -eq 1 ]
	[[ "$output" == *"write /nowhere/berth.1: No such file or directory"* ]]
}
