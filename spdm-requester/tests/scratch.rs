mod sim;
use sim::*;
use spdm_codec::*;
use spdm_emulator::*;
use spdm_requester::*;
use spdm_crypto::rustcrypto::PROVIDER;
#[test]
fn all() {
    for fault in Fault::ALL {
        let mut last = String::new();
        for version in SpdmVersion::ALL {
            let mut s = faulty(version, *fault);
            let r = with_policy(&mut s, |s, policy| {
                let mut memory = Memory::new();
                let rq = requester(&mut memory, s);
                let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
                let clock = s.clock.clone();
                let flow = rq.attest(AttestationPlan::new(policy), &mut chain, &mut record);
                match blocking::run(flow, s, &clock) {
                    Ok(_) => "OK".to_string(),
                    Err(f) => format!("{:?} {}", f.error, matches!(f.requester, Recovered::Kept(_))),
                }
            });
            let codes = s.codes();
            let line = format!("{} {:?} {}", codes.len(), codes.last().unwrap(), r);
            if line != last { println!("{fault} {version}: {line}"); }
            last = line;
        }
    }
    let _ = PROVIDER;
}
