#![no_main]

spdm_fuzz::messages!(GetKeyPairInfo, KeyPairInfo, SetKeyPairInfo, SetKeyPairInfoAck);
