# Several compose files as one project: what lies over what, extends, include, and `config`, which shows it.
load lib

setup_file() {
	start_suite
	mkdir -p "$SUITE_DIR/project"
}
teardown_file() { end_suite; }
setup() { cd "$SUITE_DIR/project" || return 1; }
teardown() {
	cd "$SUITE_DIR" || return 1
	rm -rf "$SUITE_DIR/project"
	mkdir "$SUITE_DIR/project"
	remove_all
}

@test "config prints one document, and up of that document changes nothing" {
	mkdir -p base db/conf
	cat > base/common.yaml <<-EOF
		services:
		  shell:
		    image: dir:$ROOT
		    stop_grace_period: 0s
		    environment: { FROM: base, KEPT: base }
		    volumes: ["./files:/files"]
	EOF
	mkdir base/files && echo inside > base/files/f
	cat > db/compose.yaml <<-EOF
		services:
		  db: { image: "dir:$ROOT", command: [sh, -c, 'echo \$\$WHO; sleep 600'], stop_grace_period: 0s, environment: ["WHO=\$WHO"], volumes: ["./conf:/conf", "data:/data"] }
		volumes: { data: }
	EOF
	echo 'WHO=included' > db/.env
	cat > compose.yaml <<-'EOF'
		name: many
		include: [db/compose.yaml]
		services:
		  web:
		    extends: { file: base/common.yaml, service: shell }
		    command: [sh, -c, 'echo $$FROM $$KEPT $$(cat /files/f); sleep 600']
		    environment: [FROM=web]
		    depends_on: [db]
	EOF
	cat > compose.override.yaml <<-'EOF'
		services:
		  web: { environment: { KEPT: "over $$5" }, labels: [a=b] }
		  db: { labels: { changed: "yes" } }
	EOF
	timeout 20 berth config > once.yaml 2> err
	[ "$(cut -c -21 err)" = "WARNING: no networks:" ] || { cat err; return 1; }
	timeout 20 berth config -f once.yaml > twice.yaml
	diff once.yaml twice.yaml
	[ "$(berth config --services)" = "$(printf 'web\ndb')" ]
	[ "$(berth config --volumes)" = data ]
	[ "$(berth config --images | sort -u)" = "dir:$ROOT" ]
	grep -qx '  web:' once.yaml
	grep -qx '      KEPT: over $$5' once.yaml
	grep -qx '      changed: "yes"' once.yaml
	grep -qx "        source: $SUITE_DIR/project/db/conf" once.yaml
	berth config --format json | grep -q '"WHO": "included"'

	timeout 60 berth up -d
	wait_until 5 bash -c '[ "$(berth logs many-web-1)" = "web over \$5 inside" ]'
	wait_until 5 bash -c '[ "$(berth logs many-db-1)" = included ]'
	local web
	web=$(berth inspect -f '{{.Id}}' many-web-1)
	timeout 60 berth up -d -f once.yaml
	[ "$(berth inspect -f '{{.Id}}' many-web-1)" = "$web" ]
	[ "$(berth config --hash web)" = "web $(berth inspect -f '{{index .Config.Labels "com.docker.compose.config-hash"}}' many-web-1)" ]
	timeout 60 berth down -v
	[ -z "$(berth ps -aq)" ]
}

@test "the files are found from below, by COMPOSE_FILE, and by -f, which wins" {
	mkdir -p below/deeper
	echo "services: { a: { image: \"dir:$ROOT\", hostname: a } }" > docker-compose.yml
	echo "services: { a: { hostname: over } }" > docker-compose.override.yml
	echo "services: { a: { hostname: listed } }" > other.yaml
	hostname_of() { sed -n 's/^    hostname: //p'; }
	[ "$(berth config | hostname_of)" = over ]
	cd below/deeper
	[ "$(timeout 20 berth config | hostname_of)" = over ]
	timeout 20 berth config | grep -qx 'name: project'
	[ "$(COMPOSE_FILE=../../docker-compose.yml:../../other.yaml berth config | hostname_of)" = listed ]
	[ "$(COMPOSE_PATH_SEPARATOR=, COMPOSE_FILE=../../docker-compose.yml, berth config | hostname_of)" = a ]
	[ "$(COMPOSE_FILE=none berth config -f ../../docker-compose.yml | hostname_of)" = a ]
	[ "$(berth config --project-directory ../.. | hostname_of)" = over ]
	cd ../..
	printf 'COMPOSE_PATH_SEPARATOR=|\nLAST=other.yaml\nCOMPOSE_FILE="docker-compose.yml|$LAST"\n' > .env
	[ "$(berth config | hostname_of)" = listed ]
	[ "$(COMPOSE_FILE=docker-compose.yml berth config | hostname_of)" = a ]
	[ "$(berth config -f docker-compose.yml | hostname_of)" = a ]
	echo 'COMPOSE_FILE=docker-compose.yml' > below/.env
	cd below
	run berth config # relative to where .env lies
	[ "$status" -eq 1 ]
	[[ "$output" == *"open $SUITE_DIR/project/below/docker-compose.yml: No such file"* ]]
	run berth config --project-directory /proc
	[ "$status" -eq 1 ]
	[[ "$output" == *"no configuration file provided: not found"* ]]
}

@test "a mistake in any of the files is named where it is, and nothing comes up" {
	mkdir sub
	echo "services: { a: { image: \"dir:$ROOT\", extends: { file: sub/base.yaml, service: b } } }" > compose.yaml
	echo "services: { b: { mem_limit: lots } }" > sub/base.yaml
	run timeout 20 berth up -d
	[ "$status" -eq 1 ]
	[[ "$output" == *'sub/base.yaml:1:29: services.a.mem_limit: "lots" must be a size'* ]]
	echo "services: { b: { extends: { file: ../compose.yaml, service: a } } }" > sub/base.yaml
	run timeout 20 berth config -q
	[ "$status" -eq 1 ]
	[[ "$output" == *"circular reference: "* ]]
	echo "include: [sub/none.yaml]" > compose.yaml
	run timeout 20 berth config -q
	[ "$status" -eq 1 ]
	[[ "$output" == *"compose.yaml:1:11: include[0]: open "*"/sub/none.yaml: No such file or directory"* ]]
	run timeout 20 berth config --format toml
	[ "$status" -eq 1 ]
	[ -z "$(berth ps -aq)" ]
}
