#![no_main]

spdm_fuzz::messages!(
    GetSupportedEventTypes,
    SupportedEventTypes,
    SubscribeEventTypes,
    SubscribeEventTypesAck,
    SendEvent,
    EventAck
);
