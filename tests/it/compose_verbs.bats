# The verbs of "berth compose": by project and service, with compose's output.
load lib

setup_file() {
	export CRASHES_EXPECTED=1
	start_suite
	mkdir -p "$SUITE_DIR/project"
}
teardown_file() { end_suite; }
setup() {
	cd "$SUITE_DIR/project" || return 1
	cat > compose.yaml <<-EOF
		name: verbs
		services:
		  web:
		    image: dir:$ROOT
		    network_mode: none
		    environment: { A: file, B: file }
		    command: ["sh", "-c", "trap 'exit 0' TERM; echo web is up; while :; do sleep 0.05; done"]
		    depends_on: [db]
		  db:
		    image: dir:$ROOT
		    network_mode: none
		    command: ["sh", "-c", "trap 'exit 0' TERM; echo db is up; while :; do sleep 0.05; done"]
		  tool:
		    image: dir:$ROOT
		    network_mode: none
		    profiles: [tools]
		    depends_on: [db]
		    command: ["echo", "tool"]
	EOF
}
teardown() {
	cd "$SUITE_DIR/project" || return 1
	rm -rf ./*
	remove_all
}

compose() { timeout $((40 * SLOW)) berth compose "$@"; }
state_of() { berth inspect -f '{{.State.Status}}' "verbs-$1-1"; }
order_of() { # order_of STATUS WHAT...: the progress lines of what say STATUS in this order
	local status=$1
	shift
	[ "$(sed -n "s/^ Container verbs-\(.*\)-1  $status\$/\1/p" err | tr '\n' ' ')" = "$* " ]
}

@test "up, ps, ls: the same project by directory, -f, -p and the environment" {
	compose up -d
	[ "$(compose ps --services | sort | tr '\n' ' ')" = "db web " ]
	[ "$(compose ps -q | wc -l)" -eq 2 ]
	[ "$(compose ps -q web)" = "$(berth inspect -f '{{.Id}}' verbs-web-1)" ]
	run compose ps
	echo "$output"
	[[ "${lines[0]}" =~ ^NAME\ +IMAGE\ +COMMAND\ +SERVICE\ +CREATED\ +STATUS\ +PORTS$ ]]
	[[ "${lines[1]}" =~ ^verbs-db-1\ +dir:.*\ db\ .*\ Up\  ]]
	[[ "${lines[2]}" =~ ^verbs-web-1\ .*\ web\  ]]
	[ "$(compose ps --format json web | jq -r '[.Name, .Service, .Project, .State, (.ExitCode | tostring)] | join(" ")')" = "verbs-web-1 web verbs running 0" ]
	[ "$(compose ps --format '{{.Service}}:{{.State}}' web)" = web:running ]
	[ "$(compose ls -q)" = verbs ]
	[ "$(compose ls --format json)" = "[{\"Name\":\"verbs\",\"Status\":\"running(2)\",\"ConfigFiles\":\"$PWD/compose.yaml\"}]" ]
	cd /
	[ "$(compose -p verbs ps -q | wc -l)" -eq 2 ]
	[ "$(compose -f "$SUITE_DIR/project/compose.yaml" ps -q | wc -l)" -eq 2 ]
	[ "$(compose ps -f "$SUITE_DIR/project/compose.yaml" -q 2>&1 | grep -c 'unknown shorthand')" -eq 1 ] # its options stand before the verb
	[ "$(COMPOSE_PROJECT_NAME=verbs compose ps -q | wc -l)" -eq 2 ]
	run compose ps
	[ "$status" -eq 1 ]
	[[ "$output" == *"no configuration file provided: not found"* ]]
	run compose -p verbs ps nobody
	[ "$status" -eq 1 ]
	[ "$output" = "no such service: nobody" ]
	compose -p verbs stop web
	[ "$(compose -p verbs ps -q | wc -l)" -eq 1 ]
	[ "$(compose -p verbs ps -a -q | wc -l)" -eq 2 ]
	[ "$(compose -p verbs ps --status exited --services)" = web ]
	[ "$(compose ls --format json | jq -r '.[0].Status')" = "exited(1), running(1)" ]
	run compose -p verbs ps --status odd
	[ "$status" -eq 1 ]
	compose -p verbs down
	[ -z "$(compose ls -aq)" ]
}

@test "stop, start, restart, kill, pause, unpause: in order of dependencies, told as it is done" {
	compose up -d
	compose stop 2> err
	cat err
	order_of Stopping web db
	order_of Stopped web db
	[ "$(state_of web) $(state_of db)" = "exited exited" ]
	compose start 2> err
	order_of Started db web
	[ "$(state_of web) $(state_of db)" = "running running" ]
	local before
	before=$(berth inspect -f '{{.State.StartedAt}}' verbs-web-1)
	compose restart web 2> err
	order_of Restarting web
	order_of Started web
	[[ "$before" < "$(berth inspect -f '{{.State.StartedAt}}' verbs-web-1)" ]]
	compose pause db 2> err
	order_of Paused db
	[ "$(state_of db)" = paused ]
	[ "$(compose ps --status paused --services)" = db ]
	compose unpause 2> err
	order_of Unpaused db
	compose kill -s TERM web 2> err
	order_of Killed web
	wait_until 5 eval '[ "$(state_of web)" = exited ]'
	compose kill 2> err
	order_of Killed db
	[ "$(berth inspect -f '{{.State.ExitCode}}' verbs-db-1)" = 137 ]
	run compose stop nobody
	[ "$status" -eq 1 ]
	[ "$output" = "no such service: nobody" ]
	run compose start tool
	[ "$status" -eq 1 ]
	[[ "$output" == *"service \"tool\" has no container to start"* ]]
	compose --progress quiet stop 2> err
	[ ! -s err ]
}

@test "rm asks, and takes what is stopped" {
	compose up -d
	[ "$(compose rm -f 2>&1)" = "No stopped containers" ]
	compose stop web
	echo n | compose rm
	[ "$(state_of web)" = exited ]
	echo y | compose rm 2> err
	order_of Removed web
	[ "$(compose ps -a --services)" = db ]
	compose rm -fs db
	[ -z "$(berth ps -aq)" ]
}

@test "create makes and does not start; up goes on from there" {
	compose create 2> err
	order_of Created db web
	[ "$(state_of web) $(state_of db)" = "created created" ]
	compose up -d 2> err
	order_of Started db web
	compose up -d 2> err
	order_of Running db web
	compose up -d --force-recreate --no-deps web 2> err
	order_of Recreated web
	compose up -d --force-recreate --no-deps 2> err
	order_of Recreated db web
	sed -i 's/A: file/A: other/' compose.yaml
	compose up -d --no-recreate 2> err
	order_of Running db web
	compose up -d 2> err
	order_of Recreated web
	order_of Running db
	sed -i '/^  tool:/,$d; /depends_on/d; /^  db:/,$d' compose.yaml
	compose up -d 2> err
	grep -q 'WARNING: verbs-db-1 is of this project but of none of its services' err
	compose up -d --remove-orphans 2> err
	order_of Removed db
	[ "$(compose ps -a --services)" = web ]
}

@test "up --no-deps leaves the replicas of the others, and their volumes that are not there" {
	sed -i 's/^  db:$/&\n    scale: 2/' compose.yaml
	compose up -d
	sed -i '/scale: 2/d' compose.yaml
	printf '    volumes: ["nowhere:/x"]\nvolumes: { nowhere: { external: true }, unused: { name: nor-this, external: true } }\n' >> compose.yaml
	compose up -d --no-deps web
	[ "$(berth ps --format '{{.Names}}' | sort | xargs)" = "verbs-db-1 verbs-db-2 verbs-web-1" ]
	compose up -d # the volume is the tool's, which is not asked for
	[ "$(berth ps --format '{{.Names}}' | sort | xargs)" = "verbs-db-1 verbs-web-1" ]
	run compose up -d tool
	[ "$status" -eq 1 ]
	[[ "$output" == *'external volume "nowhere" not found'* ]]
}

@test "down: some services, orphans, volumes" {
	compose up -d
	compose down web 2> err
	order_of Removed web
	[ "$(compose ps --services)" = db ]
	compose up -d
	sed -i '/^  web:/,/depends_on/d' compose.yaml
	compose down 2> err
	order_of Removed db
	[ "$(berth ps -a --format '{{.Names}}')" = verbs-web-1 ]
	compose down --remove-orphans
	[ -z "$(berth ps -aq)" ]
	printf 'name: verbs\nservices: { one: { image: "dir:%s", network_mode: none, command: ["true"], volumes: ["data:/data"] } }\nvolumes: { data: {} }\n' "$ROOT" > compose.yaml
	compose up -d
	[ -d "$SUITE_DIR/data/volumes/verbs_data" ]
	compose down -v 2> err
	grep -qxF ' Volume verbs_data  Removed' err
	[ ! -e "$SUITE_DIR/data/volumes/verbs_data" ]
}

@test "logs and top of several" {
	compose up -d
	wait_until 5 eval '[ "$(compose logs | wc -l)" -eq 2 ]'
	[ "$(compose logs)" = $'db-1   | db is up\nweb-1  | web is up' ]
	[ "$(compose logs --no-log-prefix web)" = "web is up" ]
	[ -z "$(compose logs -n 0)" ]
	[[ "$(compose logs -t web)" =~ ^web-1\ \ \|\ [0-9-]{10}T.*Z\ web\ is\ up$ ]]
	compose --ansi always logs db | grep -qF $'\033[36mdb-1  | \033[0mdb is up'
	compose logs -f > out 3>&- &
	local reader=$!
	wait_until 5 eval '[ "$(wc -l < out)" -eq 2 ]'
	kill -KILL "$(supervisor_pid)"
	compose stop
	wait "$reader"
	[ "$(sort out)" = $'db-1   | db is up\nweb-1  | web is up' ]
	compose start
	run compose top
	echo "$output"
	[ "${lines[0]}" = verbs-db-1 ]
	[[ "${lines[1]}" =~ ^UID\ +PID\  ]]
	[[ "$output" == *verbs-web-1* ]]
}

@test "exec in a service's container" {
	compose up -d
	[ "$(compose exec web sh -c 'echo $A $X' < /dev/null)" = file ]
	[ "$(compose exec -e X=given web sh -c 'echo $A $X' < /dev/null)" = "file given" ]
	[ "$(echo typed | compose exec -T web cat)" = typed ]
	[ "$(compose exec -u alice -w /tmp web sh -c 'id -un; pwd' < /dev/null)" = $'alice\n/tmp' ]
	run compose exec web sh -c 'exit 7' < /dev/null
	[ "$status" -eq 7 ]
	run compose exec --index 2 web true
	[ "$status" -eq 1 ]
	[ "$output" = 'service "web" is not running container #2' ]
	run compose exec tool true
	[ "$status" -eq 1 ]
	[ "$output" = 'service "tool" is not running' ]
	compose exec -d web touch /tmp/made
	wait_until 5 compose exec -T web test -e /tmp/made
}

@test "run: for once, with what it depends on, beside the service" {
	[ "$(compose run --rm tool < /dev/null)" = tool ]
	[ "$(state_of db)" = running ]
	[ "$(berth ps -a --format '{{.Names}}')" = verbs-db-1 ]
	[ "$(compose run --rm -e A=given -e C=new web sh -c 'echo $A $B $C' < /dev/null)" = "given file new" ]
	[ "$(echo typed | compose run --rm -T --entrypoint cat web)" = typed ]
	run compose run --name kept -w /tmp -l mine=1 web sh -c 'pwd; exit 4' < /dev/null
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"/tmp" ]]
	[ "$(berth inspect -f '{{index .Config.Labels "com.docker.compose.oneoff"}} {{.Config.Labels.mine}}' kept)" = "True 1" ]
	compose up -d # what was made for once is not the service's
	[ "$(state_of web)" = running ]
	[ "$(compose ps -a -q | wc -l)" -eq 3 ]
	[ "$(compose logs --no-log-prefix web)" = "web is up" ]
	run compose run nobody
	[ "$status" -eq 1 ]
	[[ "$output" == *nobody* ]]
	compose down
	[ -z "$(berth ps -aq)" ]
}

@test "events of a project" {
	berth run -d --name other --network none "dir:$ROOT" sleep 1 > /dev/null
	timeout $((20 * SLOW)) berth compose events web > out 3>&- &
	local plain=$!
	timeout $((20 * SLOW)) berth compose events --json > json 3>&- &
	local json=$!
	sleep 0.3
	compose up -d
	wait_until 5 eval 'grep -q "container start" out && [ "$(wc -l < json)" -ge 4 ]'
	kill $plain $json
	cat out json
	! grep -q 'other\|verbs-db-1' out || return 1
	[[ "$(head -1 out)" =~ ^[0-9-]{10}\ [0-9:]{8}\.[0-9]{6}\ container\ create\ [0-9a-f]{64}\ \(image=dir:.*,\ name=verbs-web-1\)$ ]]
	[ "$(jq -r '[.type, .action, .service, .attributes.name] | join(" ")' json | sort | tr '\n' ';')" = \
		"container create db verbs-db-1;container create web verbs-web-1;container start db verbs-db-1;container start web verbs-web-1;" ]
}
