package edition

import (
	"slices"
	"sync"
	"time"
)

// Knob describes one knob: what it chooses, its values, its default in each
// edition ("-" where the edition has no such choice), and what says so.
type Knob struct {
	Name     string
	Readers  Readers
	Values   string
	Meaning  string
	By       string // S: a seed document says it; P: proposed, with the reason
	Defaults [3]string
}

// Default is the knob's value in edition e, "-" if it does not apply there.
func (k Knob) Default(e Edition) string {
	if e < RTM || e > Server2003 {
		return "-"
	}
	return k.Defaults[e-1]
}

// knob joins a row of the table with the field of Profile that holds it.
type knob struct {
	name    string
	readers Readers
	codec   codec
	// defaults of w2k-rtm, w2k-sp3 and ws2003
	rtm, sp3, net string
	by, meaning   string
}

// Knobs is the whole table in reading order.
func Knobs() []Knob {
	var list []Knob
	for _, k := range table() {
		list = append(list, Knob{
			Name: k.name, Readers: k.readers, Values: k.codec.values, Meaning: k.meaning, By: k.by,
			Defaults: [3]string{k.rtm, k.sp3, k.net},
		})
	}
	return list
}

// table is every knob; it is made once and never changed.
var table = sync.OnceValue(func() []knob {
	return slices.Concat(graceKnobs(), issueKnobs(), discoveryKnobs(), serviceKnobs())
})

func graceKnobs() []knob {
	return []knob{
		{"grace_days", TerminalServer, number(func(p *Profile) *int { return &p.GraceDays }), "90", "90", "120", "S 002/000, 001",
			"length of the licensing grace period"},
		{"grace_start", TerminalServer, choice(func(p *Profile) *GraceStart { return &p.GraceStart }, FirstAccept, Boot), "first_accept", "first_accept", "first_accept", "S 002, 000, 001; boot: wording of event 1008",
			"what starts it: the first client that is accepted, or the start of the service"},
		{"grace_end", TerminalServer, choice(func(p *Profile) *GraceEnd { return &p.GraceEnd }, FirstLSContact, FirstPermanentCAL), "first_ls_contact", "first_ls_contact", "first_permanent_cal", "S 000/002; 001",
			"what ends it early: the first license server found, or its first permanent CAL"},
		{"grace_end_scope", TerminalServer, choice(func(p *Profile) *GraceEndScope { return &p.GraceEndScope }, ScopeLS, ScopeTS), "-", "-", "ls", "S 001",
			"whose first permanent CAL: one through any terminal server, or through this one"},
		{"grace_token", TerminalServer, choice(func(p *Profile) *GraceToken { return &p.GraceToken }, NoGraceToken, TSTemp), "none", "none", "none", "P, C18; ts-temp: the letter of 000",
			"what the grace period itself gives a client: nothing, or, by the letter of 000, a temporary token that the terminal server signs"},
		{"warn_days", TerminalServer, number(func(p *Profile) *int { return &p.WarnDays }), "14", "14", "14", "S 002; ws2003 P",
			"event 1009 is logged on each of so many last days"},
		{"event_text_days", TerminalServer, number(func(p *Profile) *int { return &p.EventTextDays }), "90", "90", "120", "S 002; ws2003 P",
			"the number of days in the texts of 1008 and 1009"},
	}
}

func issueKnobs() []knob {
	return []knob{
		{"first_issue", TerminalServer | LicenseServer, choice(func(p *Profile) *FirstIssue { return &p.FirstIssue }, FirstCAL, FirstTemp), "cal", "temp", "temp", "S 002; 001",
			"what a device without a token is given"},
		{"upgrade_needs_validated", LicenseServer, toggle(func(p *Profile) *bool { return &p.UpgradeNeedsValidated }, "no", "yes"), "no", "yes", "yes", "S 002; ws2003 P",
			"a temporary token becomes a CAL only after a successful logon"},
		{"temp_days", LicenseServer, number(func(p *Profile) *int { return &p.TempDays }), "90", "90", "90", "S 002, 003",
			"life of a temporary token"},
		{"temps_per_hwid", LicenseServer, number(func(p *Profile) *int { return &p.TempsPerHWID }, 1, 0), "1", "1", "1", "P, C21; 0: the letter of 002",
			"temporary tokens a device may ever have; 0 counts only a token that is presented"},
		{"cal_life_days", LicenseServer, life(func(p *Profile) *Life { return &p.CALLife }, "unlimited", "unlimited, 52..89, a number"), "unlimited", "52..89", "52..89", "S 002",
			"life of a CAL, drawn for each issue and renewal; one number fixes the draw"},
		{"renew_window_days", TerminalServer, number(func(p *Profile) *int { return &p.RenewWindowDays }), "-", "7", "7", "S 002",
			"so many days before its end a CAL is renewed"},
		{"renew_at", TerminalServer, choice(func(p *Profile) *RenewAt { return &p.RenewAt }, RenewAtIssuer, RenewAtCurrent), "-", "issuer", "issuer", "P: a failover would burn a second CAL",
			"who renews: the server that issued the CAL, or the one in use"},
		{"auto_return", LicenseServer, toggle(func(p *Profile) *bool { return &p.AutoReturn }, "no", "yes"), "no", "yes", "yes", "S 002",
			"an expired CAL returns to the pool without a telephone call"},
		{"resend_live_row", LicenseServer, toggle(func(p *Profile) *bool { return &p.ResendLiveRow }, "off", "on"), "off", "on", "on", "P; off: recovery section of 002, on: Q294729",
			"a device that lost its CAL is sent the same one again"},
		{"expired_perm_no_stock", TerminalServer | LicenseServer, choice(func(p *Profile) *NoStock { return &p.ExpiredPermNoStock }, NoStockTemp, NoStockDeny), "-", "temp", "temp", "P, C38",
			"what an expired CAL gets when there is no other"},
		{"builtin_pool", TerminalServer | LicenseServer, toggle(func(p *Profile) *bool { return &p.BuiltinPool }, "off", "on"), "on", "on", "off", "S 002; ws2003 P",
			"Windows 2000 Professional and its successors draw on the built-in pool"},
		{"builtin_first", TerminalServer, choice(func(p *Profile) *BuiltinFirst { return &p.BuiltinFirst }, BuiltinAtOnce, BuiltinTempOnce), "builtin", "builtin", "-", "S 002; w2k-sp3 P",
			"what such a device is given first"},
		{"builtin_expiry", LicenseServer, life(func(p *Profile) *Life { return &p.BuiltinExpiry }, "none", "none, a number"), "none", "none", "-", "P",
			"life of a built-in token in days"},
		{"default_ls_empty", LicenseServer, choice(func(p *Profile) *NoStock { return &p.DefaultLSEmpty }, NoStockDeny, NoStockTemp), "deny", "deny", "-", "S 002, C6; temp: the general rule",
			"what a new client gets when the DefaultLicenseServer has no CAL"},
		{"default_ls_referral", LicenseServer, toggle(func(p *Profile) *bool { return &p.DefaultLSReferral }, "no", "yes"), "no", "no", "-", "P, C6",
			"the DefaultLicenseServer may refer to another"},
		{"dls_beats_grace", TerminalServer, toggle(func(p *Profile) *bool { return &p.DLSBeatsGrace }, "no", "yes"), "no", "no", "-", "P, C6",
			"a silent DefaultLicenseServer refuses clients in the grace period too"},
		{"internet_connector", TerminalServer, toggle(func(p *Profile) *bool { return &p.InternetConnector }, "no", "yes"), "yes", "yes", "no", "S 002",
			"the terminal server has an Internet Connector mode"},
		{"ic_limit", TerminalServer, number(func(p *Profile) *int { return &p.ICLimit }), "200", "200", "200", "S 002; ws2003: P, for internet_connector=yes",
			"simultaneous sessions in that mode"},
		{"license_mode", TerminalServer, choice(func(p *Profile) *LicenseMode { return &p.LicenseMode }, PerDevice, PerUser), "device", "device", "device", "S 001; default P",
			"which CALs the terminal server asks for"},
		{"mode_invalid", TerminalServer, choice(func(p *Profile) *ModeInvalid { return &p.ModeInvalid }, InvalidTemps, InvalidDevice), "-", "-", "temps", "P",
			"a broken mode setting: only temporary tokens, or as per device"},
		{"peruser_temp", TerminalServer, toggle(func(p *Profile) *bool { return &p.PerUserTemp }, "off", "on"), "-", "-", "on", "S 001",
			"a device in per-user mode is given a temporary token"},
		{"peruser_bad_blob", TerminalServer, choice(func(p *Profile) *BadBlob { return &p.PerUserBadBlob }, BlobNone, BlobDeny), "-", "-", "none", "P",
			"a broken or foreign token in per-user mode: as none, or refused"},
		{"peruser_ends_grace", TerminalServer, toggle(func(p *Profile) *bool { return &p.PerUserEndsGrace }, "off", "on"), "-", "-", "off", "P",
			"an activated license server with a Per User pack ends the grace period"},
		{"require_clearinghouse_chain", TerminalServer, toggle(func(p *Profile) *bool { return &p.RequireClearinghouseRoot }, "off", "on"), "off", "off", "off", "P",
			"tokens of license servers without a clearinghouse certificate are broken"},
		{"foreign_blob", TerminalServer, choice(func(p *Profile) *BadBlob { return &p.ForeignBlob }, BlobNone, BlobCorrupt), "none", "none", "none", "P: clients keep one license for every server",
			"a license of another maker: as none, or as broken"},
		{"stranger_cal", TerminalServer, choice(func(p *Profile) *BadBlob { return &p.StrangerCAL }, BlobNone, BlobCorrupt), "corrupt", "corrupt", "corrupt", "P: T4a; tslab serve sets none by itself, since its clients keep the CAL of the lab that they saw last",
			"a CAL or built-in token of a clearinghouse that is not trusted here: as none, or as broken"},
	}
}

func discoveryKnobs() []knob {
	return []knob{
		{"ls_host", LicenseServer, choice(func(p *Profile) *LSHost { return &p.LSHost }, HostDC, HostAny), "dc", "dc", "any", "S 002; ws2003: KB 301932",
			"where a license server of domain scope may stand: on a domain controller only, or anywhere, where terminal servers are told of it by name"},
		{"discovery_order", TerminalServer, list(func(p *Profile) *[]string { return &p.DiscoveryOrder }, "override", "dcs", "site", "keys"), "override, dcs, site", "override, dcs, site", "keys, site, dcs", "S 002; ws2003: KB 301932",
			"where a license server is sought, in this order"},
		{"retry_min", TerminalServer, number(func(p *Profile) *int { return &p.RetryMin }), "15", "15", "15", "S 002",
			"minutes between discovery passes that found none"},
		{"retry_site", TerminalServer, number(func(p *Profile) *int { return &p.RetrySite }, 15, 60), "15", "15", "15", "S 002",
			"the same in site scope"},
		{"verify_min", TerminalServer, number(func(p *Profile) *int { return &p.VerifyMin }), "120", "120", "120", "S 002",
			"minutes between pings of the license server in use"},
		{"verify_site", TerminalServer, number(func(p *Profile) *int { return &p.VerifySite }, 60, 120), "60", "60", "60", "P, C4",
			"the same in site scope"},
		{"ondemand_discovery", TerminalServer, toggle(func(p *Profile) *bool { return &p.OnDemandDiscovery }, "off", "on"), "on", "on", "on", "S 002",
			"a client that finds no license server starts a discovery pass"},
		{"failback", TerminalServer, toggle(func(p *Profile) *bool { return &p.Failback }, "off", "on"), "off", "off", "off", "S 002",
			"the terminal server goes back to the first license server when that returns"},
		{"override", TerminalServer, choice(func(p *Profile) *Override { return &p.Override }, OverrideOne, OverrideSeveral), "DefaultLicenseServer", "DefaultLicenseServer", "LicenseServers", "S 002; ws2003: KB 301932",
			"what names license servers in the registry: a value with one and no other, or keys with several, before those that discovery finds"},
		{"serves_ts", LicenseServer, list(func(p *Profile) *[]string { return &p.ServesTS }, "w2k-rtm", "w2k-sp3", "ws2003"), "w2k-rtm, w2k-sp3", "w2k-rtm, w2k-sp3", "w2k-rtm, w2k-sp3, ws2003", "S 002",
			"terminal servers that the license server serves"},
		{"max_hops", TerminalServer, number(func(p *Profile) *int { return &p.MaxHops }), "3", "3", "3", "P",
			"license servers asked by referral for one client"},
		{"announce_min", LicenseServer, number(func(p *Profile) *int { return &p.AnnounceMin }), "60", "60", "60", "P; the map itself S 002",
			"minutes between announcements of the inventory"},
		{"ls_timeout_s", TerminalServer, number(func(p *Profile) *int { return &p.LSTimeout }), "10", "10", "10", "P",
			"seconds of elapsed time that a license server has for an answer"},
	}
}

func serviceKnobs() []knob {
	methods := func(p *Profile) *[]string { return &p.ConnectionMethods }
	days := func(p *Profile) *time.Duration { return &p.MaxStep }
	return []knob{
		{"connection_methods", Tool, list(methods, "internet", "web", "phone", "fax", "automatic"), "internet, web, phone, fax", "internet, web, phone, fax", "automatic, web, phone", "S 002; 001/003",
			"ways to reach the clearinghouse"},
		{"default_method", Tool, choice(func(p *Profile) *string { return &p.DefaultMethod }, "internet", "web", "phone", "fax", "automatic"), "internet", "internet", "automatic", "S 002, 001",
			"the way that is recommended"},
		{"activation_needs_net_on", Tool, choice(func(p *Profile) *NetOn { return &p.ActivationNeedsNetOn }, NetOnTool, NetOnLS), "tool", "tool", "ls", "S, C12",
			"which machine needs the Internet to activate"},
		{"ie_esc", Tool, toggle(func(p *Profile) *bool { return &p.IEESC }, "off", "on"), "-", "-", "on", "S 003",
			"the clearinghouse must be a trusted site first"},
		{"ls_upgrade", LicenseServer, choice(func(p *Profile) *LSUpgrade { return &p.LSUpgrade }, UpgradeReactivates, UpgradeKeeps), "-", "-", "reactivate", "S 003; keep: P",
			"a license server moved here from Windows 2000 must be activated again, or keeps its activation"},
		{"prevent_upgrade", LicenseServer, toggle(func(p *Profile) *bool { return &p.PreventUpgrade }, "off", "on"), "-", "-", "off", "policy Prevent License Upgrade",
			"a Windows 2000 terminal server is not given a 2003 CAL"},
		{"event_severity", TerminalServer, choice(func(p *Profile) *EventSeverity { return &p.EventSeverity }, SeverityError, SeverityInformation), "error", "error", "error", "S 002",
			"severity of the numbered events"},
		{"acquire_event", TerminalServer, choice(func(p *Profile) *AcquireEvent { return &p.AcquireEvent }, AcquireBoth, Acquire1000, Acquire1004), "both", "both", "both", "P, C25",
			"which events say that no license server was found for a client"},
		{"errinfo_pdu", TerminalServer, choice(func(p *Profile) *ErrInfoPDU { return &p.ErrInfoPDU }, ErrInfoAnnounced, ErrInfoOff), "announced", "announced", "announced", "P, MS-RDPBCGR",
			"the extended error code goes to clients that announce it"},
		{"max_step", LicenseServer, span(days), "2d", "2d", "2d", "P",
			"a larger step of the calendar at once is refused by the sweeper"},
		{"advance_step", Calendar, span(func(p *Profile) *time.Duration { return &p.AdvanceStep }), "1d", "1d", "1d", "P",
			"step in which the lab's calendar is advanced: advance in a drill, tslab clock at tslab serve"},
	}
}
