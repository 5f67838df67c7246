#!/usr/bin/env bash
# What people ran before there was `validate`: from each party's pod, one after the other, a TCP connection to each peer and a TLS handshake
# with it. Written afresh, for `npm run bench` to compare with; nothing else uses it.
#
#   seed-check.sh <namespace> <port> <kubeconfig of party 1> <kubeconfig of party 2> ...
#
# It asks by the commands that were asked: `kubectl exec` into a pod, there `nc -zv <peer> <port>` and `openssl s_client -connect`. The prober's
# image has Node and neither of these, so that Node plays both.
set -uo pipefail

namespace=$1 port=$2
shift 2
kubeconfigs=("$@")
seconds=5
failures=0

# As nc -z: says nothing, and exits 0 once a connection is there.
tcp='const [host, port] = process.argv.slice(1);
const resolver = new (require("node:dns").Resolver)();
if (process.env.QUORATE_RESOLVER) resolver.setServers([process.env.QUORATE_RESOLVER]);
resolver.resolve4(host, (failure, [address] = []) => {
  if (failure) { console.error(failure.message); process.exit(1); }
  const socket = require("node:net").connect(Number(port), address, () => process.exit(0));
  socket.on("error", (refused) => { console.error(refused.message); process.exit(1); });
});'

# As openssl s_client: shows whose certificate it is, verifies nothing, and is content with whoever completes its hello.
tls='const [host, port] = process.argv.slice(1);
const resolver = new (require("node:dns").Resolver)();
if (process.env.QUORATE_RESOLVER) resolver.setServers([process.env.QUORATE_RESOLVER]);
resolver.resolve4(host, (failure, [address] = []) => {
  if (failure) { console.error(failure.message); process.exit(1); }
  const socket = require("node:tls").connect({ host: address, port: Number(port), servername: host.split(".")[0], rejectUnauthorized: false });
  socket.once("secureConnect", () => { console.log(socket.getPeerCertificate().subject?.CN); process.exit(0); });
  socket.on("error", (refused) => { console.error(refused.message); process.exit(1); });
});'

ask() {
  local from=$1 to=$2 program=$3
  timeout "$seconds" kubectl --kubeconfig "${kubeconfigs[from - 1]}" --namespace "$namespace" exec deploy/quorate-prober \
    --container prober -- node -e "$program" "mpc-node-$to.$namespace.svc.cluster.local" "$port" 2>&1
}

for from in $(seq ${#kubeconfigs[@]}); do
  for to in $(seq ${#kubeconfigs[@]}); do
    [ "$from" -eq "$to" ] && continue
    for what in tcp tls; do
      if answer=$(ask "$from" "$to" "${!what}"); then
        echo "party $from -> party $to: $what ok ${answer:-}"
      else
        echo "party $from -> party $to: $what FAILED ${answer##*$'\n'}"
        failures=$((failures + 1))
        break
      fi
    done
  done
done
[ "$failures" -eq 0 ]
