#!/bin/sh
# Makes the passwords of a desk in containers, those that are missing, as files in the folder that is named.
# The files are readable, because the containers' users are not yours; the folder lets in nobody but you.
set -eu
folder=${1:?usage: secrets.sh FOLDER}
umask 077
mkdir -p "$folder"
chmod 0700 "$folder"

chance() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { # keep NAME CONTENT: never overwrites
    [ -e "$folder/$1" ] || { printf '%s\n' "$2" > "$folder/.$1" && chmod 0444 "$folder/.$1" && mv "$folder/.$1" "$folder/$1"; }
}

keep postgres_password "$(chance)"
keep rabbitmq_password "$(chance)"
postgres=$(cat "$folder/postgres_password")
rabbitmq=$(cat "$folder/rabbitmq_password")
keep rabbitmq.conf "default_user = tierdesk
default_pass = $rabbitmq
default_vhost = tierdesk"
keep tierdesk_database_url "postgresql://tierdesk:$postgres@postgres:5432/tierdesk"
keep tierdesk_amqp_url "amqp://tierdesk:$rabbitmq@rabbitmq:5672/tierdesk"
keep tierdesk_amqp_management_url "http://tierdesk:$rabbitmq@rabbitmq:15672"
