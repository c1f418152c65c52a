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

# For the profile `vendors`: a certificate of our own making, until there is one that others trust (put it there, with its key).
if [ ! -e "$folder/vendors.pem" ]; then
    name=${TIERDESK_VENDORS_NAME:-localhost}
    case $name in *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
    if command -v openssl >/dev/null; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -nodes -days 825 -subj "/CN=$name" \
            -addext "subjectAltName=$kind:$name" -keyout "$folder/.key" -out "$folder/.certificate" 2>"$folder/.said" \
            || { cat "$folder/.said" >&2; exit 1; }
        rm -f "$folder/vendors.crt" # of a key that is gone
        keep vendors.crt "$(cat "$folder/.certificate")"
        keep vendors.pem "$(cat "$folder/.certificate" "$folder/.key")"
        rm -f "$folder/.key" "$folder/.certificate" "$folder/.said"
    else
        echo "secrets.sh: no openssl, so no certificate for the profile vendors: put certificate and key into $folder/vendors.pem" >&2
    fi
fi
