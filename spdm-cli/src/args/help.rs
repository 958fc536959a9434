//! Texts below the options of each verb: what people type.

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  verified, or the verb did its job
  1  rejected
  2  usage, or a file that cannot be read or decoded
  3  the transport failed, or no answer came in time
  4  the device broke the protocol

Try it without a device:
  spdm attest emulated";

pub(super) const ATTEST: &str = "\
Examples:
  spdm attest emulated
  spdm attest pci:0000:01:00.0 --trust vendor.pem
  spdm attest mctp:9 --trust roots/ --reference golden.json --evidence e.json
  spdm attest mctp:9 --trust roots/ --ear result.jwt --ear-key verifier.pem
  spdm attest tcp:127.0.0.1:2323 --framing dmtf-emu --trust root.pem --json";

pub(super) const INFO: &str = "\
Examples:
  spdm info pci:0000:01:00.0
  spdm info tcp:127.0.0.1:2323 --framing dmtf-emu --max-version 1.2";

pub(super) const CERTS: &str = "\
Examples:
  spdm certs pci:0000:01:00.0 --out chains/
  spdm certs mctp:9 --out - > chains.pem
  spdm certs mctp:9 --slot 1 --trust vendor.pem";

pub(super) const MEASURE: &str = "\
Examples:
  spdm measure pci:0000:01:00.0 --trust vendor.pem
  spdm measure mctp:9 --measurements 1,3-5 --raw --unsigned";

pub(super) const COLLECT: &str = "\
Examples:
  spdm collect pci:0000:01:00.0 --nonce @nonce.hex --evidence evidence.json
  spdm collect mctp:9 | ssh verifier spdm verify - --trust vendor.pem
  spdm collect mctp:9 --format redfish --evidence measurements.json
  spdm collect --from capture.pcap --format nvidia --evidence devices.json";

pub(super) const COLLECT_BASE_ASYM: &str = "\
Signature algorithms to offer, for example ECDSA_P384,RSAPSS_3072,ML_DSA_87; with --from, the one of a bare measurement \
of 1.0 or 1.1, ECDSA_P384 where the file does not name it either";
pub(super) const COLLECT_BASE_HASH: &str = "\
Hash algorithms to offer, for example SHA_384; with --from, the one of a bare measurement of 1.0 or 1.1, SHA_384 where \
the file does not name it either";

pub(super) const SESSION: &str = "\
Examples:
  spdm session pci:0000:01:00.0 --trust vendor.pem
  spdm session mctp:9 --trust roots/ --update-keys both --heartbeat 2
  spdm session tcp:127.0.0.1:2323 --framing dmtf-emu --psk key.bin --psk-hint 01";

pub(super) const SEND: &str = "\
Examples:
  spdm send emulated --standard PCI-SIG --vendor 0100 00ff
  spdm send mctp:9 --standard IANA --vendor 00000157 @request.bin --json
  spdm send tcp:10.0.0.7 --standard DMTF 01 --session --trust vendor.pem";

pub(super) const MEL: &str = "\
Examples:
  spdm mel emulated
  spdm mel pci:0000:01:00.0 --json";

pub(super) const ENDPOINT: &str = "\
Examples:
  spdm endpoint emulated
  spdm endpoint pci:0000:01:00.0 --trust vendor.pem
  spdm endpoint mctp:9 --unsigned --json";

pub(super) const CSR: &str = "\
Examples:
  spdm csr emulated
  spdm csr mctp:9 --out device.csr
  spdm csr mctp:9 --tag 1 --out device.csr";

pub(super) const SET_CERT: &str = "\
Examples:
  spdm set-cert mctp:9 chain.pem --slot 1 --yes
  spdm set-cert mctp:9 --erase --slot 1 --yes";

pub(super) const KEYS: &str = "\
Examples:
  spdm keys emulated
  spdm keys mctp:9 --set 2 --slots 1 --yes
  spdm keys mctp:9 --generate 3 --algorithm ECC_384 --slots none --yes";

pub(super) const SLOTS: &str = "\
Examples:
  spdm slots mctp:9
  spdm slots mctp:9 --bank 1 --slot 1 --install chain.pem --yes
  spdm slots mctp:9 --bank 1 --slot 1 --erase --session --trust vendor.pem --yes";

pub(super) const EVENTS: &str = "\
Examples:
  spdm events emulated
  spdm events mctp:9 --subscribe all --wait 600 --json --trust vendor.pem
  spdm events mctp:9 --subscribe CertificateChanged --count 1";

pub(super) const TDISP: &str = "\
Examples:
  spdm tdisp emulated --function be:1d.7 version capabilities state
  spdm tdisp emulated --function be:1d.7 lock report start state stop --yes
  spdm tdisp pci:0000:01:00.0 --function 01:00.0 state --trust vendor.pem";

pub(super) const IDE: &str = "\
Examples:
  spdm ide emulated query
  spdm ide emulated program go stop --keys keys.json --port 1 --yes
  spdm ide pci:0000:01:00.0 query --trust vendor.pem --json";

pub(super) const RECOGNIZE: &str = "\
Examples:
  spdm attest pci:0000:01:00.0 --trust vendor.pem --known known.json --learn
  spdm recognize pci:0000:01:00.0 --known known.json
  spdm recognize mctp:9 --known known.json --learn --trust vendor.pem";

pub(super) const VERIFY: &str = "\
Examples:
  spdm verify evidence.json --trust vendor.pem --nonce @nonce.hex
  spdm verify capture.pcap --trust vendor.pem --at 2026-01-31T12:00:00Z
  spdm verify transcript.bin --chain chain.pem --trust vendor.pem --json";

pub(super) const REFERENCE: &str = "\
Examples:
  spdm reference show rim.cbor --reference-trust vendor-rim-root.pem > own.json
  spdm reference make evidence.json --trust vendor.pem > own.json
  spdm attest mctp:9 --trust vendor.pem --reference own.json";

pub(super) const REFERENCE_SHOW: &str = "\
Examples:
  spdm reference show rim.cbor --reference-trust vendor-rim-root.pem
  spdm reference show rims.cbor --environment vendor=ACME,model=WIDGET";

pub(super) const REFERENCE_MAKE: &str = "\
Examples:
  spdm reference make evidence.json --trust vendor.pem > own.json
  spdm attest mctp:9 --trust vendor.pem --json > report.json
  spdm reference make report.json > own.json";

pub(super) const CHAIN: &str = "\
Examples:
  spdm chain slot0.bin --trust vendor.pem
  spdm chain bundle.pem --explain
  openssl s_client -showcerts -connect host:443 </dev/null | spdm chain -";

pub(super) const DECODE: &str = "\
Examples:
  spdm decode capture.pcap
  spdm decode capture.pcap -v --secrets keys.json
  echo 10 84 00 00 | spdm decode -";

pub(super) const FLEET: &str = "\
Examples:
  spdm fleet attest --targets rack.txt --trust vendor.pem --out results.jsonl";

pub(super) const FLEET_ATTEST: &str = "\
Examples:
  spdm fleet attest --targets rack.txt --trust vendor.pem
  spdm list --json | spdm fleet attest --targets - --trust roots/
  spdm fleet attest --targets site.csv --class-profile classes.json -j 256
  spdm fleet attest --targets site.csv --out results.jsonl --resume";

pub(super) const FLEET_COLLECT: &str = "\
Examples:
  head -c 32 /dev/urandom > job.key
  spdm fleet collect --targets rack.txt --key job.key --out evidence.jsonl";

pub(super) const FLEET_VERIFY: &str = "\
Examples:
  spdm fleet verify evidence.jsonl --targets rack.txt --key job.key --trust vendor.pem
  spdm fleet verify evidence/ --targets site.csv --key job.key --class-profile classes.json --out results.jsonl";

pub(super) const FLEET_REPORT: &str = "\
Examples:
  spdm fleet report results.jsonl --by host
  spdm fleet report results.jsonl --junit junit.xml --html report.html
  ssh site cat results.jsonl | spdm fleet report - --json";

pub(super) const FLEET_SUBMIT: &str = "\
Examples:
  head -c 32 /dev/urandom > fleet.key
  spdm fleet submit --queue nats://hub:4222 --job nightly --targets site.csv \\
    --key fleet.key";

pub(super) const FLEET_WORK: &str = "\
Examples:
  spdm fleet work --queue nats://hub:4222 --roles collect --classes gpu,ssd
  spdm fleet work --queue nats://hub:4222 --roles judge --key fleet.key \\
    --class-profile classes.json
  spdm fleet work --queue nats://hub:4222 --key fleet.key --trust roots/ --drain";

pub(super) const FLEET_WATCH: &str = "\
Examples:
  spdm fleet watch --queue nats://hub:4222 --job nightly --out results.jsonl
  spdm fleet watch --queue nats://hub:4222 --job nightly --wait 600 --json";

pub(super) const EMULATE: &str = "\
Examples:
  spdm emulate --seed 1 --root-out root.pem
  spdm emulate --framing dmtf-emu --binding doe --listen 127.0.0.1:2323
  spdm emulate --versions 1.1 --base-asym ECDSA_P256 --fault help";

pub(super) const LIST: &str = "\
Examples:
  spdm list
  spdm list --json";

pub(super) const COMPLETIONS: &str = "\
Examples:
  spdm completions bash > ~/.local/share/bash-completion/completions/spdm
  spdm completions zsh > ~/.zfunc/_spdm";

pub(super) const MAN: &str = "\
Examples:
  spdm man ~/.local/share/man/man1
  spdm man - | man -l -";
