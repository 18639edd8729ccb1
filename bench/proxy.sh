#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Throughput and added latency of Hearth as a gateway, on one core, against nginx (and Portkey, where npm can fetch it)
# in front of the same mock upstream. Usage: bench/proxy.sh HEARTH_BINARY [SECONDS]
# Core 0: the gateway. Core 1: upstream and load. Closed loop, keep-alive, prompts of 1 kB.
set -euo pipefail
hearth=$(realpath "$1")
seconds=${2:-8}
for tool in nginx wrk taskset; do
  command -v $tool >/dev/null || { echo "proxy bench skipped: it needs nginx and wrk (apt-get install nginx-light wrk)"; exit 0; }
done
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
upstream=$(port) proxy=$(port) gateway=$(port) audited=$(port) portkey=$(port)

# What the upstream always answers, as nginx writes it in a string.
answer='data: {\"id\":\"c\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello there, how are you?\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n'
whole='{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"up\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello there, how are you?\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":7,\"total_tokens\":257}}'
common="daemon off; worker_processes 1; pid $work/%s.pid; error_log stderr crit; events { worker_connections 4096; }"
cat >"$work/upstream.conf" <<CONF
$(printf "$common" upstream)
http { access_log off; keepalive_requests 100000000; default_type text/event-stream;
  client_body_temp_path $work/ub; proxy_temp_path $work/up; fastcgi_temp_path $work/uf; uwsgi_temp_path $work/uu; scgi_temp_path $work/us;
  server { listen 127.0.0.1:$upstream;
    location /v1/models { return 200 '{"data":[]}'; }
    location /whole/ { default_type application/json; return 200 "$whole"; }
    location / { return 200 "$answer"; } } }
CONF
cat >"$work/proxy.conf" <<CONF
$(printf "$common" proxy)
http { access_log off; keepalive_requests 100000000;
  client_body_temp_path $work/pb; proxy_temp_path $work/pp; fastcgi_temp_path $work/pf; uwsgi_temp_path $work/pu; scgi_temp_path $work/ps;
  upstream u { server 127.0.0.1:$upstream; keepalive 64; }
  server { listen 127.0.0.1:$proxy; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
CONF
cat >"$work/hearth.yaml" <<CONF
log: {level: warn}
audit: {enabled: false}
providers:
  - {name: up, kind: openai, url: "http://127.0.0.1:$upstream", zone: cloud, models: [{name: m, capabilities: [chat], price: {input: 1, output: 2}}]}
routes: [{name: auto, strategy: balance, targets: [up/m]}]
policy: {default_label: public, zones: {device: restricted, cloud: public}}
CONF
cat >"$work/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"auto","max_tokens":16,"messages":[{"role":"user","content":"' .. string.rep("word ", 200) .. '"}]}'
LUA
taskset -c 1 nginx -c "$work/upstream.conf" -p "$work" 2>/dev/null & pids+=($!)
taskset -c 0 nginx -c "$work/proxy.conf" -p "$work" 2>/dev/null & pids+=($!)
sed 's/enabled: false/enabled: true/' "$work/hearth.yaml" >"$work/audited.yaml"
taskset -c 0 "$hearth" serve --config "$work/audited.yaml" --home "$work/home2" --listen "127.0.0.1:$audited" >/dev/null 2>"$work/audited.log" & pids+=($!)
taskset -c 0 "$hearth" serve --config "$work/hearth.yaml" --home "$work/home" --listen "127.0.0.1:$gateway" >/dev/null 2>"$work/hearth.log" & hearth_pid=$!; pids+=($hearth_pid)
# Portkey asks for whole answers, which is less work for it than the streams that Hearth puts together.
cat >"$work/portkey.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["x-portkey-provider"] = "openai"
wrk.headers["x-portkey-custom-host"] = "http://127.0.0.1:$upstream/whole/v1"
wrk.headers["Authorization"] = "Bearer none"
wrk.body = '{"model":"auto","max_tokens":16,"messages":[{"role":"user","content":"' .. string.rep("word ", 200) .. '"}]}'
LUA
portkey_home=${HEARTH_CACHE:-$HOME/.cache/hearth}/portkey
if [ ! -d "$portkey_home/node_modules/@portkey-ai/gateway" ]; then
  mkdir -p "$portkey_home"
  (cd "$portkey_home" && npm install --no-audit --no-fund --silent @portkey-ai/gateway@1.15.2 >/dev/null 2>&1) || true
fi
portkey_start=$portkey_home/node_modules/@portkey-ai/gateway/build/start-server.js
if [ -f "$portkey_start" ]; then
  taskset -c 0 node "$portkey_start" --port="$portkey" --headless >/dev/null 2>&1 & pids+=($!)
fi
sleep 1.5
load() { taskset -c 1 wrk -t1 -c"$2" -d"${seconds}s" --latency -s "$work/${4:-post}.lua" "http://127.0.0.1:$1/v1/chat/completions"; }
row() {  # name, port, connections
  load "$2" "$3" "" "${4:-post}" >"$work/out"
  local errors; errors=$(grep -c 'Non-2xx' "$work/out" || true)
  printf '%-34s %10s req/s   p50 %8s   p99 %8s%s\n' "$1" "$(awk '/Requests\/sec/ {print $2}' "$work/out")" \
    "$(awk '$1 == "50%" {print $2}' "$work/out")" "$(awk '$1 == "99%" {print $2}' "$work/out")" "$([ "$errors" = 0 ] || echo "   ERRORS")"
}
rss() { awk '/VmRSS/ {printf "%.1f MB", $2 / 1024}' "/proc/$1/status"; }
cpu() { awk '{print $14 + $15}' "/proc/$1/stat"; }
echo "resident memory of hearth, idle: $(rss $hearth_pid)"
row "direct, 32 clients" "$upstream" 32
row "nginx, 32 clients" "$proxy" 32
before=$(cpu $hearth_pid)
row "hearth, 32 clients" "$gateway" 32
after=$(cpu $hearth_pid)
requests=$(awk '/requests in/ {print $1}' "$work/out")
awk -v t=$((after - before)) -v n="$requests" 'BEGIN {printf "hearth: %.1f us of CPU a request\n", t * 10000 / n}'
row "hearth with audit, 32 clients" "$audited" 32
row "direct, 1 client" "$upstream" 1
row "nginx, 1 client" "$proxy" 1
row "hearth, 1 client" "$gateway" 1
row "hearth with audit, 1 client" "$audited" 1
if [ -f "$portkey_start" ]; then
  row "portkey, 32 clients" "$portkey" 32 portkey
  row "portkey, 1 client" "$portkey" 1 portkey
else
  echo "portkey left out: npm could not fetch it"
fi
echo "resident memory of hearth, after: $(rss $hearth_pid)"
# 500 streams of 50 tokens a second: gaps and first tokens, direct and through Hearth.
taskset -c 1 node bench/streams.mjs "$hearth" 500 "$seconds"
