#![no_main]

spdm_fuzz::messages!(
    GetEncapsulatedRequest,
    EncapsulatedRequest,
    DeliverEncapsulatedResponse,
    EncapsulatedResponseAck
);
