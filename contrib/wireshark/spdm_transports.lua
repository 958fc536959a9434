-- What carries SPDM in the captures that `spdm --pcap` writes, for Wireshark and tshark 4.0 or later:
--   113  Linux cooked, ETH_P_MCTP: MCTP message types 5 (SPDM) and 6 (secured messages)
--   147  USER0: PCIe data objects, bare SPDM messages, and secured messages of drives
--   148  USER1: DSP0287 (SPDM over TCP)
--
-- It needs spdm.lua, which is to be loaded first.

local spdm, secured = Dissector.get("spdm"), Dissector.get("spdm_secured")
local secured_mctp = Dissector.get("spdm_secured_mctp")

local ETH_P_MCTP = 0x00FA
local PCI_SIG = 0x0001
local PLAIN, SECURED, ROLE_INQUIRY = 5, 6, 0xBF
local MESSAGE_TYPES = { [PLAIN] = "SPDM", [SECURED] = "Secured SPDM", [ROLE_INQUIRY] = "Role inquiry" }
local DOE_TYPES = { [0] = "Discovery", [1] = "CMA-SPDM", [2] = "Secured CMA-SPDM" }

local doe = Proto("spdm_doe", "PCIe Data Object Exchange")
local dsp0287 = Proto("spdm_tcp", "SPDM over TCP")
local field = {
    vendor = ProtoField.uint16("spdm.doe.vendor", "Vendor ID", base.HEX),
    type = ProtoField.uint8("spdm.doe.type", "Data Object Type", base.HEX, DOE_TYPES),
    dwords = ProtoField.uint32("spdm.doe.dwords", "Length in DWORDs", base.DEC, nil, 0x3FFFF),
    content = ProtoField.bytes("spdm.doe.content", "Content"),
    payload_length = ProtoField.uint16("spdm.tcp.payload_length", "PayloadLength"),
    binding_version = ProtoField.uint8("spdm.tcp.binding_version", "BindingVersion"),
    message_type = ProtoField.uint8("spdm.tcp.message_type", "MessageType", base.HEX, MESSAGE_TYPES),
}
doe.fields = { field.vendor, field.type, field.dwords, field.content }
dsp0287.fields = { field.payload_length, field.binding_version, field.message_type }

local function show(pinfo, text)
    pinfo.cols.protocol = "SPDM"
    pinfo.cols.info = text
end

-- USER0: data objects begin with the vendor ID of the PCI-SIG, messages with a version, secured messages of drives
-- (DSP0286) with four reserved bytes in front of a record as MCTP has it.
function doe.dissector(tvb, pinfo, root)
    if tvb:len() > 4 and tvb(0, 4):uint() == 0 then
        secured_mctp:call(tvb(4):tvb(), pinfo, root)
        return tvb:len()
    end
    if tvb:len() < 8 or tvb:range(0, 2):le_uint() ~= PCI_SIG then
        spdm:call(tvb, pinfo, root)
        return tvb:len()
    end
    local tree = root:add(doe, tvb(0, 8))
    tree:add_le(field.vendor, tvb(0, 2))
    tree:add(field.type, tvb(2, 1))
    tree:add_le(field.dwords, tvb(4, 4))
    local object_type = tvb(2, 1):uint()
    if tvb:len() == 8 then
        show(pinfo, "an empty data object")
    elseif object_type == 1 then
        spdm:call(tvb(8):tvb(), pinfo, root)
    elseif object_type == 2 then
        secured:call(tvb(8):tvb(), pinfo, root)
    else
        tree:add(field.content, tvb(8))
        show(pinfo, "data object: " .. (DOE_TYPES[object_type] or "of an unknown type"))
    end
    return tvb:len()
end

function dsp0287.dissector(tvb, pinfo, root)
    if tvb:len() < 4 then
        return 0
    end
    local tree = root:add(dsp0287, tvb(0, 4))
    tree:add_le(field.payload_length, tvb(0, 2))
    tree:add(field.binding_version, tvb(2, 1))
    tree:add(field.message_type, tvb(3, 1))
    local message_type = tvb(3, 1):uint()
    if message_type == PLAIN and tvb:len() > 4 then
        spdm:call(tvb(4):tvb(), pinfo, root)
    elseif message_type == SECURED and tvb:len() > 4 then
        secured:call(tvb(4):tvb(), pinfo, root)
    else
        show(pinfo, "DSP0287: " .. (MESSAGE_TYPES[message_type] or "refusal"))
    end
    return tvb:len()
end

local encapsulations = DissectorTable.get("wtap_encap")
encapsulations:add(wtap.USER0, doe)
encapsulations:add(wtap.USER1, dsp0287)

local found, types = pcall(DissectorTable.get, "mctp.encap-type")
if found and types then
    types:add(PLAIN, spdm)
    types:add(SECURED, secured_mctp)
else
    -- Wireshark before 4.2 has no MCTP: messages of one packet are all that is needed here.
    local mctp = Proto("mctp", "Management Component Transport Protocol")
    local header = ProtoField.bytes("mctp.header", "Header")
    local message_type = ProtoField.uint8("mctp.msg.type", "Message type", base.HEX, MESSAGE_TYPES, 0x7F)
    mctp.fields = { header, message_type }

    function mctp.dissector(tvb, pinfo, root)
        if tvb:len() < 6 then
            return 0
        end
        local tree = root:add(mctp, tvb(0, 5))
        tree:add(header, tvb(0, 4))
        tree:add(message_type, tvb(4, 1))
        local is_whole = tvb(3, 1):bitfield(0, 2) == 3
        local number = tvb(4, 1):bitfield(1, 7)
        pinfo.cols.protocol = "MCTP"
        if is_whole and number == PLAIN then
            spdm:call(tvb(5):tvb(), pinfo, root)
        elseif is_whole and number == SECURED then
            secured_mctp:call(tvb(5):tvb(), pinfo, root)
        end
        return tvb:len()
    end

    DissectorTable.get("sll.ltype"):add(ETH_P_MCTP, mctp)
end
