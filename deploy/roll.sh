#!/bin/sh
# Replaces the containers of services one after the other, by the image that is there now: roll.sh SERVICE…
# Each new one must be healthy before the next old one goes. COMPOSE is the compose command, with its options.
set -eu
: "${COMPOSE:=docker compose}"
patience=240

for service; do
    old=$($COMPOSE ps -q "$service")
    count=$(echo $old | wc -w)
    [ "$count" -gt 0 ] || { echo "roll.sh: no container of $service runs" >&2; exit 1; }
    for container in $old; do
        $COMPOSE up -d --no-deps --no-recreate --scale "$service=$((count + 1))" "$service"
        waited=0
        for fresh in $($COMPOSE ps -q "$service"); do
            until [ "$(docker inspect --format '{{.State.Health.Status}}' "$fresh")" = healthy ]; do
                waited=$((waited + 1))
                [ "$waited" -lt "$patience" ] || { echo "roll.sh: a new container of $service is not healthy; see its log" >&2; exit 1; }
                sleep 1
            done
        done
        docker stop --time 40 "$container" > /dev/null
        docker rm "$container" > /dev/null
    done
done
