#![no_main]

spdm_fuzz::messages!(Heartbeat, HeartbeatAck, KeyUpdate, KeyUpdateAck, EndSession, EndSessionAck);
