package eventlog

import (
	"strconv"
	"strings"
)

// The registry: every event there is. A program that wants to say something new
// adds a row here. Names are object.what-happened; the object is the field's own
// word. The numbered ones are those of the terminal server's System log, with the
// texts of the licensing white paper, section "System Logs and the Event Viewer".
//
// Fields that mean the same carry the same name everywhere: device (machine
// name), hardware_id, license_id, kind, user, domain, expires, issuer, server
// (a license server's name), pack, peer (a network address), reason.
var (
	// Every program.
	ProgramReady   = kind("program.ready", 0, Information, "{program} is ready on {address}")
	ProgramStopped = kind("program.stopped", 0, Information, "{program} stopped: {reason}")
	ClockMoved     = kind("clock.moved", 0, Information, "the calendar moved to {now}")

	// The lab itself.
	LabUp             = kind("lab.up", 0, Information, "the lab is up: {lab}")
	LabStep           = kind("lab.step", 0, Information, "{text}")
	ProgramKilled     = kind("program.killed", 0, Warning, "{program} on {target} is killed")
	ProgramPaused     = kind("program.paused", 0, Warning, "{program} on {target} is paused")
	ProgramResumed    = kind("program.resumed", 0, Information, "{program} on {target} goes on")
	ClockSkewed       = kind("clock.skewed", 0, Information, "the calendar of {target} is {by} off")
	FaultLaid         = kind("fault.laid", 0, Warning, "fault {name}: {fault}")
	FaultHealed       = kind("fault.healed", 0, Information, "fault {name} is healed")
	FaultOverrun      = kind("fault.overrun", 0, Warning, "the userspace wire lost {frames} frames by itself: they came faster than it can carry them")
	ExpectationMet    = kind("expectation.met", 0, Information, "as expected: {text}")
	ExpectationFailed = kind("expectation.failed", 0, Error, "not as expected: {text}: want {want}, got {got}")
	InvariantBroken   = kind("invariant.broken", 0, Error, "not so at {server}: {text}: {reason}")

	// Terminal server: a connection, in the order of its life.
	ConnectionAccepted   = kind("connection.accepted", 0, Information, "connection from {peer}")
	ConnectionRefused    = kind("connection.refused", 0, Warning, "connection from {peer} ended: {reason}")
	LicenseAccepted      = kind("license.accepted", 0, Information, "{device} showed {kind} {license_id} and needs nothing more")
	LicensePushed        = kind("license.pushed", 0, Information, "{device} was given {kind} {license_id}, valid to {expires}")
	LicenseNone          = kind("license.none", 0, Information, "{device} is admitted without a license: {reason}")
	LicenseDenied        = kind("license.denied", 0, Error, "{device} is refused: {reason}")
	LogonSucceeded       = kind("logon.succeeded", 0, Information, "{user} logged on from {device}")
	LogonFailed          = kind("logon.failed", 0, Warning, "{user} failed to log on from {device}: {reason}")
	LicenseMarked        = kind("license.marked", 0, Information, "temporary token {license_id} of {device} is marked as validated at {server}")
	MarkFailed           = kind("license.mark-failed", 0, Warning, "temporary token {license_id} of {device} could not be marked: {reason}")
	SessionStarted       = kind("session.started", 0, Information, "session of {user} on {device} is drawing")
	SessionEnded         = kind("session.ended", 0, Information, "session of {user} on {device} ended: {reason}")
	ServerFound          = kind("server.found", 0, Information, "license server {server} found at {address}")
	ServerLost           = kind("server.lost", 0, Warning, "license server {server} lost: {reason}")
	DiscoveryAsked       = kind("discovery.asked", 0, Information, "license servers sought by {how}: {what}: {result}")
	DiscoveryAnswered    = kind("discovery.answered", 0, Information, "license server {server} at {address} replied to the broadcast")
	DiscoveryIgnored     = kind("discovery.ignored", 0, Information, "no license server for us at {address}, found by {how}: {reason}")
	SessionRefused       = kind("session.refused", 0, Warning, "{device} is sent away: the {sessions} sessions for remote administration are in use")
	GraceStarted         = kind("grace.started", 0, Information, "the licensing grace period runs until {end}")
	SettingsChanged      = kind("settings.changed", 0, Information, "an administrator has set {setting}")
	ConnectorEnabled     = kind("connector.enabled", 0, Information, "Internet Connector licensing is on: license {license_id} came from {server}")
	ConnectorDisabled    = kind("connector.disabled", 0, Information, "Internet Connector licensing is off: license {license_id} went back to {server}")
	InternetUserRepaired = kind("connector.repaired", 0, Information, "TSInternetUser can log on again: {reason}")
	GraceEnded           = kind("grace.ended", 0, Information, "the licensing grace period is over: {reason}")
	GraceNotStored       = kind("grace.not-stored", 0, Error, "the licensing grace period cannot be stored, and stands still: {reason}")

	// License server.
	TokenIssued      = kind("token.issued", 0, Information, "{kind} {license_id} issued to {device}, valid to {expires}; {free} free")
	TokenUpgraded    = kind("token.upgraded", 0, Information, "{device} upgraded from {from} to {kind} {license_id}, valid to {expires}; {free} free")
	TokenRenewed     = kind("token.renewed", 0, Information, "{kind} {license_id} of {device} renewed to {expires}")
	TokenResent      = kind("token.resent", 0, Information, "{kind} {license_id} sent again to {device}")
	TokenValidated   = kind("token.validated", 0, Information, "temporary token {license_id} of {device} validated")
	TokenReturned    = kind("token.returned", 0, Information, "{kind} {license_id} of {device} returned to the pool; {free} free")
	TokenClosed      = kind("token.closed", 0, Information, "{kind} {license_id} of {device} closed: {server} has given it {new_license_id}")
	TokenExpired     = kind("token.expired", 0, Information, "{kind} {license_id} of {device} expired; {free} free")
	TokenDuplicate   = kind("token.duplicate", 0, Warning, "{device} has the license id {license_id}, which {holder} was given too: this store was restored from a backup older than what it had issued")
	TokenWithoutRow  = kind("token.without-row", 0, Warning, "{device} has the license id {license_id}, of which this store knows nothing: it was restored from a backup older than what it had issued")
	TokenRefused     = kind("token.refused", 0, Warning, "{device} got no token: {reason}")
	RequestKept      = kind("request.kept", 0, Information, "{device} keeps what it has: {reason}")
	RequestReferred  = kind("request.referred", 0, Information, "{device} referred to {server}")
	ServerActivated  = kind("server.activated", 0, Information, "license server activated as {server_id}")
	KeyPackInstalled = kind("keypack.installed", 0, Information, "key pack {pack} installed: {count} x {kind}")
	SweepFailed      = kind("sweep.failed", 0, Error, "expired licenses could not be returned to the pool: {reason}")
	SweepHeld        = kind("sweep.held", 0, Warning, "the calendar went from {from} to {to} at once: nothing returns to the pool until it goes back, or `licmgr confirm-clock` says that it is right")
	SweepResumed     = kind("sweep.resumed", 0, Information, "what has ended returns to the pool again: {reason}")
	ServerUpgraded   = kind("server.upgraded", 0, Warning, "license server upgraded from {from} to {to}: it must be activated again, and issues temporary tokens until then")
	ServerDisabled   = kind("server.deactivated", 0, Information, "license server deactivated, it was {server_id}; key packs and licenses stay")
	GossipStarted    = kind("gossip.started", 0, Information, "the inventory is shared with {group}, at {address}")
	GossipOff        = kind("gossip.off", 0, Warning, "the inventory is shared with nobody: {reason}")
	InventoryHeard   = kind("inventory.heard", 0, Information, "license server {server} at {address} has {free} of {total} CALs free")
	InventoryDoubted = kind("inventory.doubted", 0, Warning, "license server {server} was found without stock, and counts as empty until it announces its inventory again")
	ServerHidden     = kind("server.hidden", 0, Warning, "broadcasts are not answered, so that terminal servers find this license server by its address only: {reason}")
	PeerRefused      = kind("peer.refused", 0, Warning, "{name} at {peer} refused: {reason}")

	// Whom a program knows.
	ServerMet = kind("server.met", 0, Information, "the license server at {address} is known by its key {key} from now on")

	// A member of a domain.
	DomainEntered     = kind("domain.entered", 0, Information, "member of {domain}: site {site}, groups {groups}")
	MembershipKept    = kind("domain.kept", 0, Warning, "no domain controller of {domain} answers, and the membership of before counts on: {reason}")
	SiteNotEntered    = kind("domain.not-entered", 0, Warning, "the directory does not name this as its site's license server yet: {reason}")
	NameNotRegistered = kind("domain.not-registered", 0, Warning, "{name} is not in the DNS: {reason}")

	// Domain controller.
	HostJoined       = kind("host.joined", 0, Information, "{host} joined {domain} as {role} from {peer}: site {site}, groups {groups}")
	JoinRefused      = kind("host.refused", 0, Warning, "{host} from {peer} may not join: {reason}")
	GroupChanged     = kind("group.changed", 0, Information, "{host} is {on} in the group {group}, from its next join on")
	SiteAsked        = kind("site.asked", 0, Information, "{host} asked about its site: {site}, {entry}, license server {server}")
	SiteEntered      = kind("site.entered", 0, Information, "{entry} names the license server {server}")
	SiteEntryRefused = kind("site.refused", 0, Warning, "{host} from {peer} is not entered: {reason}")
	SiteMapChanged   = kind("site.map-changed", 0, Information, "{subnet} is in {site}")
	NameUpdated      = kind("name.updated", 0, Information, "{name}: {changed} records changed by {key}")
	NameRefused      = kind("name.refused", 0, Warning, "{name}: update from {peer} refused: {reason}")
	NameFault        = kind("name.fault", 0, Warning, "{name} is {on} {fault}")

	// Clearinghouse. What a customer told about himself is in no event.
	OrderAnswered = kind("clearinghouse.answered", 0, Information, "{op} for {peer}: {text}")
	OrderRefused  = kind("clearinghouse.refused", 0, Warning, "{op} for {peer} refused: {reason}")

	// Client.
	ClientConnected    = kind("client.connected", 0, Information, "connected to {server} over {security}")
	ClientLicensed     = kind("client.licensed", 0, Information, "stored {kind} {license_id}, valid to {expires}")
	ClientNotStored    = kind("client.not-stored", 0, Warning, "was given {kind} {license_id}, valid to {expires}, and cannot store it")
	ClientAccepted     = kind("client.accepted", 0, Information, "the server is content with what this device has")
	ClientRefused      = kind("client.refused", 0, Error, "refused by {server}: {reason}")
	ClientLoggedOn     = kind("client.logged-on", 0, Information, "logged on as {user}")
	ClientLogonFailed  = kind("client.logon-failed", 0, Error, "logon as {user} failed")
	ClientDisconnected = kind("client.disconnected", 0, Information, "left {server}")
	ClientUnreachable  = kind("client.unreachable", 0, Error, "{server} cannot be reached: {reason}")

	// Terminal server, System log, source TermService.
	CannotAcquireLicense = kind("termservice.cannot-acquire", 1000, Error, "Unable to acquire a license for user '{user}', domain '{domain}'.")
	InvalidLicense       = kind("termservice.invalid-license", 1003, Error, "The terminal service client '{device}' has provided an invalid license.")
	CannotIssueLicense   = kind("termservice.cannot-issue", 1004, Error, "The terminal server cannot issue a client license.")
	InternetUserFailed   = kind("termservice.internet-user", 1007, Error, "Unable to log in the Internet user as TSInternetUser.  If the problem is not corrected in 20 minutes, delete the account and run Setup again.")
	GraceExpired         = kind("termservice.grace-expired", 1008, Error, "The terminal services licensing grace period has expired and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for {days} days after initial start up.")
	GraceExpiring        = kind("termservice.grace-expiring", 1009, Error, "The terminal services licensing grace period is about to expire on {end} and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for {days} days after initial start up.")
	NoLicenseServer      = kind("termservice.no-license-server", 1010, Error, "The terminal services could not locate a license server. Confirm that all license servers on the network are registered in WINS\\DNS, accepting network requests, and the Terminal Services Licensing Service is running.")
	TemporaryExpired     = kind("termservice.temporary-expired", 1011, Error, "The terminal services client {device} has been disconnected because its temporary license has expired.")
	RenewalImpossible    = kind("termservice.renewal-impossible", 1028, Error, "The terminal server client {device} has been disconnected because its license could not be renewed.")
)

// kinds are the registry's, by name.
var kinds = map[string]Kind{}

// kind registers an event.
func kind(name string, id int, severity Severity, text string) Kind {
	k := Kind{name, id, severity, text}
	kinds[name] = k
	return k
}

// Known says whether there is an event of that name.
func Known(name string) bool { _, ok := kinds[name]; return ok }

// Numbered returns the texts of the events that the documents number, by number, as they
// print them: with %1 and %2 for what an event inserts. days is the length of the grace
// period that the texts of 1008 and 1009 speak of.
func Numbered(days int) map[int]string {
	texts := map[int]string{}
	for _, k := range kinds {
		if k.ID != 0 {
			texts[k.ID] = k.message(days)
		}
	}
	return texts
}

// Name returns the name of the event that the documents number so, "" when there is none.
func Name(id int) string {
	for _, k := range kinds {
		if k.ID == id && id != 0 {
			return k.Name
		}
	}
	return ""
}

// message is the text with its inserts numbered as they come.
func (k Kind) message(days int) string {
	text, n := strings.ReplaceAll(k.Text, "{days}", strconv.Itoa(days)), 0
	for {
		before, rest, found := strings.Cut(text, "{")
		_, after, ends := strings.Cut(rest, "}")
		if !found || !ends {
			return text
		}
		n++
		text = before + "%" + strconv.Itoa(n) + after
	}
}
