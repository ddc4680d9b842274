# The API as such: what it answers to calls that are not there, versions that are not ours and bodies that are no good.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

# call METHOD PATH [BODY|@FILE]: prints the status, then the answer's body.
call() {
	local file=$SUITE_DIR/body
	printf '%s' "${3:-}" > "$file"
	[[ "${3:-}" != @* ]] || file=${3#@}
	{
		printf '%s %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' "$1" "$2" "$(stat -c %s "$file")"
		cat "$file"
	} | socat -t $((10 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" | tr -d '\r' | sed '1s/^[^ ]* \([0-9]*\).*/\1/; 2,/^$/d'
}

@test "docker's calls that are not built yet are 501 with a sentence, others 404" {
	local one
	for one in "GET /v1.41/networks" "POST /images/create?fromImage=x" "GET /images/a/b:c/get" "GET /images/get" \
		"POST /images/a/b/push" "GET /images/x/history" "GET /networks" "POST /networks/create" \
		"GET /containers/x/attach/ws" \
		"POST /commit" "POST /build" "GET /plugins" "POST /swarm/init" "GET /services" "POST /auth"; do
		run call $one
		[ "${lines[0]}" = 501 ] || { echo "$one: $output"; return 1; }
		[[ "$output" == *"not built yet"* ]]
	done
	for one in "GET /frob" "GET /containers" "GET /containers/nosuch/json" "GET /images/a/b:c/json" "DELETE /images/x" "POST /events/x"; do
		run call $one
		[ "${lines[0]}" = 404 ] || { echo "$one: $output"; return 1; }
	done
	run call PATCH /containers/json
	[ "${lines[0]}" = 405 ]
}

@test "versions: 1.40 to 1.47, others are refused with docker's words" {
	local version
	for version in 1.40 1.41 1.47; do
		run call GET /v$version/version
		[ "${lines[0]}" = 200 ]
	done
	run call GET /v1.24/version
	[ "${lines[0]}" = 400 ]
	[[ "$output" == *"client version 1.24 is too old. Minimum supported API version is 1.40"* ]]
	run call GET /v1.99/version
	[ "${lines[0]}" = 400 ]
	[[ "$output" == *"client version 1.99 is too new. Maximum supported API version is 1.47"* ]]
}

@test "a body that is no good is 400 or 413 and names the place" {
	run call POST /containers/create '{"Image":'
	[ "${lines[0]}" = 400 ]
	[[ "$output" == *"line 1, column"* ]]
	run call POST /containers/create '[]'
	[ "${lines[0]}" = 400 ]
	run call POST /containers/create "{\"Image\":\"dir:$ROOT\",\"HostConfig\":{\"Memory\":\"x\"}}"
	[ "${lines[0]}" = 400 ]
	[[ "$output" == *"HostConfig.Memory: must be a whole number"* ]]
	run call POST /containers/create "{\"Image\":\"dir:$ROOT\",\"Cmd\":[\"true\",7]}"
	[ "${lines[0]}" = 400 ]
	[[ "$output" == *"Cmd[1]"* ]]
	head -c 5000000 /dev/zero | tr '\0' '[' > "$SUITE_DIR/huge"
	run call POST /containers/create "@$SUITE_DIR/huge" 2> /dev/null
	[ "${lines[0]}" = 413 ]
	[ -z "$(berth ps -aq)" ]
}

@test "info says which limits this kernel has" {
	run call GET /info
	[[ "$output" == *'"MemoryLimit":true'* ]]
	[[ "$output" == *'"PidsLimit":true'* ]]
}

@test "removal takes the log along: small, large, with what is none of ours, and where there is none" {
	local id kind
	cp -a "$ROOT" "$SUITE_DIR/shared"
	for kind in 'echo one' 'yes line of a large log | head -c 3000000' true; do
		# A shared root leaves nothing but the log to be removed, which the supervisor does itself when it is small.
		id=$(call POST /containers/create "{\"Image\":\"dir:$SUITE_DIR/shared\",\"Cmd\":[\"sh\",\"-c\",\"$kind\"],\"HostConfig\":{\"NetworkMode\":\"none\"},\"Berth\":{\"Root\":\"shared\"}}" |
			sed -n 's/.*"Id":"\([0-9a-f]*\)".*/\1/p')
		berth start "$id" > /dev/null
		[ "$(berth wait "$id")" = 0 ]
		[ -f "$SUITE_DIR/data/logs/$id/0.log" ]
		[ "$kind" != true ] || mkdir "$SUITE_DIR/data/logs/$id/deep"
		[[ "$(call DELETE "/containers/$id")" = 204* ]]
		[ ! -e "$SUITE_DIR/data/logs/$id" ]
		[ ! -e "$SUITE_DIR/data/containers/$id" ]
		[ ! -e "$SUITE_DIR/run/containers/$id" ]
	done
	id=$(berth create "dir:$ROOT" true) # never had a log
	[[ "$(call DELETE "/containers/$id")" = 204* ]]
	[ ! -e "$SUITE_DIR/run/containers/$id" ]
}
