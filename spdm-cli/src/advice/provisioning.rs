//! Rules of provisioning that the options break on this connection.

use crate::exit::Exit;
use crate::overheard::Overheard;

/// The rule in the words of the options.
pub(super) struct BrokenRule {
    pub(super) sentence: &'static str,
    pub(super) hint: Option<&'static str>,
    /// Whose fault it is: the command line's, or the device's, which lacks what it needs.
    pub(super) exit: Exit,
}

/// What the library calls the rule.
pub(super) fn broken(rule: &str, heard: &Overheard) -> Option<BrokenRule> {
    let has_several =
        heard.capabilities.is_some_and(|(_, capability)| capability.flags.multi_key_cap() != 0);
    let of_device = |sentence| BrokenRule { sentence, hint: None, exit: Exit::Rejected };
    let of_options = |sentence, hint| BrokenRule { sentence, hint, exit: Exit::Usage };
    Some(match rule {
        "no KeyPairID and CSRCertModel without a multi-key connection" if has_several => {
            of_options(
                "--key-pair: this connection has one key for each algorithm",
                Some("--multi-key asks for a connection with several"),
            )
        }
        "no KeyPairID and CSRCertModel without a multi-key connection" => of_device(
            "--key-pair: the device has no connections with several keys, for it lacks MULTI_KEY_CAP",
        ),
        "KeyPairID and CSRCertModel on a multi-key connection" => of_options(
            "--key-pair is missing: on a connection with several keys it says for which one",
            Some("spdm keys shows the key pairs"),
        ),
        "KeyPairID on a multi-key connection, and there alone" if has_several => of_options(
            "--key-pair belongs to a connection with several keys, and is needed there",
            Some("--multi-key asks for a connection with several; spdm keys shows the key pairs"),
        ),
        "KeyPairID on a multi-key connection, and there alone" => of_device(
            "--key-pair: the device has no connections with several keys, for it lacks MULTI_KEY_CAP",
        ),
        "CSRTrackingTag only with CERT_INSTALL_RESET_CAP (1.3)" => of_device(
            "--tag: the device makes no requests in a reset, for it lacks CERT_INSTALL_RESET_CAP (1.3)",
        ),
        "Overwrite only in a new request (1.3)" => {
            of_device("--overwrite is of SPDM 1.3 and later, and an earlier version was negotiated")
        }
        "no generic certificate in slot 0" => {
            of_options("--model generic: slot 0 takes no generic certificate", None)
        }
        _ => return None,
    })
}
