package edition

import (
	"strconv"
	"time"
)

// Profile is an edition with its knobs. Knobs that do not apply to the edition
// are zero. The comment of a field is its knob's name; Knobs says what it means.
type Profile struct {
	Edition Edition

	GraceDays                int           // grace_days
	GraceStart               GraceStart    // grace_start
	GraceEnd                 GraceEnd      // grace_end
	GraceEndScope            GraceEndScope // grace_end_scope
	GraceToken               GraceToken    // grace_token
	WarnDays                 int           // warn_days
	EventTextDays            int           // event_text_days
	FirstIssue               FirstIssue    // first_issue
	UpgradeNeedsValidated    bool          // upgrade_needs_validated
	TempDays                 int           // temp_days
	TempsPerHWID             int           // temps_per_hwid
	CALLife                  Life          // cal_life_days
	RenewWindowDays          int           // renew_window_days
	RenewAt                  RenewAt       // renew_at
	AutoReturn               bool          // auto_return
	ResendLiveRow            bool          // resend_live_row
	ExpiredPermNoStock       NoStock       // expired_perm_no_stock
	BuiltinPool              bool          // builtin_pool
	BuiltinFirst             BuiltinFirst  // builtin_first
	BuiltinExpiry            Life          // builtin_expiry
	LSHost                   LSHost        // ls_host
	DiscoveryOrder           []string      // discovery_order
	RetryMin                 int           // retry_min
	RetrySite                int           // retry_site
	VerifyMin                int           // verify_min
	VerifySite               int           // verify_site
	OnDemandDiscovery        bool          // ondemand_discovery
	Failback                 bool          // failback
	Override                 Override      // override
	DefaultLSEmpty           NoStock       // default_ls_empty
	DefaultLSReferral        bool          // default_ls_referral
	DLSBeatsGrace            bool          // dls_beats_grace
	ConnectionMethods        []string      // connection_methods
	DefaultMethod            string        // default_method
	ActivationNeedsNetOn     NetOn         // activation_needs_net_on
	IEESC                    bool          // ie_esc
	InternetConnector        bool          // internet_connector
	ICLimit                  int           // ic_limit
	LicenseMode              LicenseMode   // license_mode
	ModeInvalid              ModeInvalid   // mode_invalid
	PerUserTemp              bool          // peruser_temp
	PerUserBadBlob           BadBlob       // peruser_bad_blob
	PerUserEndsGrace         bool          // peruser_ends_grace
	EventSeverity            EventSeverity // event_severity
	AcquireEvent             AcquireEvent  // acquire_event
	ErrInfoPDU               ErrInfoPDU    // errinfo_pdu
	RequireClearinghouseRoot bool          // require_clearinghouse_chain
	ForeignBlob              BadBlob       // foreign_blob
	StrangerCAL              BadBlob       // stranger_cal
	ServesTS                 []string      // serves_ts
	PreventUpgrade           bool          // prevent_upgrade
	LSUpgrade                LSUpgrade     // ls_upgrade
	LSTimeout                int           // ls_timeout_s
	MaxHops                  int           // max_hops
	AnnounceMin              int           // announce_min
	MaxStep                  time.Duration // max_step
	AdvanceStep              time.Duration // advance_step
}

// The values of the knobs that choose between names.
type (
	GraceStart    string // what starts the grace period
	GraceEnd      string // what ends the grace period before its time
	GraceEndScope string // whose first permanent CAL ends it
	GraceToken    string // what a client is given in the grace period
	FirstIssue    string // what a device without a token is given
	RenewAt       string // which license server renews
	NoStock       string // what happens when there is no CAL
	BuiltinFirst  string // what Windows 2000 Professional is given first
	Override      string // what names license servers in the registry
	LSHost        string // where a license server may live in a domain
	NetOn         string // which machine needs the Internet to activate
	LicenseMode   string // which CALs the terminal server asks for
	ModeInvalid   string // how a broken mode setting behaves
	BadBlob       string // how a license that cannot be used is read
	EventSeverity string // severity of the numbered events
	AcquireEvent  string // which events say that no license could be had
	ErrInfoPDU    string // who gets the extended error code
	LSUpgrade     string // what an upgrade to 2003 does to the activation
)

// Their values.
const (
	FirstAccept GraceStart = "first_accept"
	Boot        GraceStart = "boot"

	FirstLSContact    GraceEnd = "first_ls_contact"
	FirstPermanentCAL GraceEnd = "first_permanent_cal"

	ScopeLS GraceEndScope = "ls"
	ScopeTS GraceEndScope = "ts"

	NoGraceToken GraceToken = "none"
	TSTemp       GraceToken = "ts-temp"

	FirstCAL  FirstIssue = "cal"
	FirstTemp FirstIssue = "temp"

	RenewAtIssuer  RenewAt = "issuer"
	RenewAtCurrent RenewAt = "current"

	NoStockTemp NoStock = "temp"
	NoStockDeny NoStock = "deny"

	BuiltinAtOnce   BuiltinFirst = "builtin"
	BuiltinTempOnce BuiltinFirst = "temp"

	OverrideOne     Override = "DefaultLicenseServer"
	OverrideSeveral Override = "LicenseServers"

	HostDC  LSHost = "dc"
	HostAny LSHost = "any"

	NetOnTool NetOn = "tool"
	NetOnLS   NetOn = "ls"

	PerDevice LicenseMode = "device"
	PerUser   LicenseMode = "user"

	InvalidTemps  ModeInvalid = "temps"
	InvalidDevice ModeInvalid = "device"

	BlobNone    BadBlob = "none"
	BlobCorrupt BadBlob = "corrupt"
	BlobDeny    BadBlob = "deny"

	SeverityError       EventSeverity = "error"
	SeverityInformation EventSeverity = "information"

	AcquireBoth AcquireEvent = "both"
	Acquire1000 AcquireEvent = "1000"
	Acquire1004 AcquireEvent = "1004"

	ErrInfoAnnounced ErrInfoPDU = "announced"
	ErrInfoOff       ErrInfoPDU = "off"

	UpgradeReactivates LSUpgrade = "reactivate"
	UpgradeKeeps       LSUpgrade = "keep"
)

// Life is a span of days from which a token's life is drawn, both ends
// included. The zero Life never ends.
type Life struct{ Min, Max int }

// Unlimited reports a life without end.
func (l Life) Unlimited() bool { return l == Life{} }

// String is the span as the knob shows it: "52..89", or "60" for one value.
func (l Life) String() string {
	switch {
	case l.Unlimited():
		return "unlimited"
	case l.Min == l.Max:
		return strconv.Itoa(l.Min)
	}
	return strconv.Itoa(l.Min) + ".." + strconv.Itoa(l.Max)
}
