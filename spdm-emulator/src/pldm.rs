//! A PLDM terminus (DSP0240) that can be reached in sessions over MCTP: it says its TID and which types and commands it
//! has.

/// MCTP message type of PLDM (DSP0239).
const MESSAGE_TYPE: u8 = 0x01;
/// Bit 7 of the first byte: a request.
const REQUEST: u8 = 0x80;
/// Bits 4:0: which request an answer is to.
const INSTANCE_ID: u8 = 0x1F;
/// Type 0 in header version 0: messaging control and discovery.
const CONTROL: u8 = 0;
const GET_TID: u8 = 0x02;
const GET_TYPES: u8 = 0x04;
const SUCCESS: u8 = 0x00;
const UNSUPPORTED_COMMAND: u8 = 0x05;
const INVALID_TYPE: u8 = 0x20;
const TID: u8 = 1;

/// Answers a message of PLDM, MCTP message type first; `None` for what is none, and for responses.
pub(crate) fn answer(message: &[u8], out: &mut [u8]) -> Option<usize> {
    let [MESSAGE_TYPE, instance, kind, command, ..] = *message else { return None };
    if instance & REQUEST == 0 {
        return None;
    }
    let head = [MESSAGE_TYPE, instance & INSTANCE_ID, kind, command];
    let body: &[u8] = match (kind, command) {
        (CONTROL, GET_TID) => &[SUCCESS, TID],
        // Bit 0 of eight bytes: only type 0.
        (CONTROL, GET_TYPES) => &[SUCCESS, 1, 0, 0, 0, 0, 0, 0, 0],
        (CONTROL, _) => &[UNSUPPORTED_COMMAND],
        _ => &[INVALID_TYPE],
    };
    let place = out.get_mut(..head.len() + body.len())?;
    place.iter_mut().zip(head.iter().chain(body)).for_each(|(place, byte)| *place = *byte);
    Some(place.len())
}

#[cfg(test)]
mod tests {
    use super::answer;

    fn answered(message: &[u8]) -> Option<Vec<u8>> {
        let mut out = [0; 32];
        answer(message, &mut out).map(|len| out[..len].to_vec())
    }

    #[test]
    fn the_terminus_says_its_tid_and_type_and_refuses_the_rest() {
        assert_eq!(answered(&[1, 0x83, 0, 2]), Some(vec![1, 3, 0, 2, 0, 1]));
        assert_eq!(answered(&[1, 0x80, 0, 4]).map(|answer| answer.len()), Some(13));
        assert_eq!(answered(&[1, 0x9F, 0, 9]), Some(vec![1, 0x1F, 0, 9, 5]));
        assert_eq!(answered(&[1, 0x80, 2, 2]), Some(vec![1, 0, 2, 2, 0x20]));
        for silent in [&[][..], &[1, 0x80, 0], &[1, 3, 0, 2], &[2, 0x80, 0, 2], &[5, 0x80, 0, 2]] {
            assert_eq!(answered(silent), None, "{silent:?}");
        }
    }

    #[test]
    fn without_room_it_is_silent() {
        assert_eq!(answer(&[1, 0x83, 0, 2], &mut [0; 5]), None);
    }
}
