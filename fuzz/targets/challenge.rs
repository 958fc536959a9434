#![no_main]

spdm_fuzz::messages!(Challenge, ChallengeAuth);
