package crash

import "slices"

// Place is a point together with the program that has it.
type Place struct {
	Program string // its file name
	Point   Point
}

// whole are the steps of a request that is answered out of a store.
func whole() []Step { return []Step{Asked, BeforeStore, AfterStore, BeforeReply, AfterReply} }

// stored are the steps of what is kept and answered to nobody.
func stored() []Step { return []Step{BeforeStore, AfterStore} }

// Points are all points that there are. Messages of the license server protocol are
// named as in wire/tsls, files of a state folder as they are called, operations of a
// control socket and of the clearinghouse's web interface as there.
func Points() []Place {
	return slices.Concat(
		places("tsclient", "challenge", BeforeReply, AfterReply),
		places("tsclient", "license", stored()...),
		places("tsclient", "file mslicensing.reg", stored()...),
		places("tsclient", "file LICENSE000", stored()...),

		places("termsrv", "license", Asked, Answered, BeforeReply, AfterReply),
		places("termsrv", "logon", Asked, Answered),
		places("termsrv", "referral", Answered),
		places("termsrv", "file grace.json", stored()...),
		places("termsrv", "file licenseservers.pem", stored()...),
		places("termsrv", "control configure", Asked, BeforeReply, AfterReply),
		places("termsrv", "file settings.json", stored()...),
		places("termsrv", "connector", Answered),
		places("termsrv", "file TSInternetUser.json", stored()...),
		places("termsrv", "connector off", Answered),
		places("termsrv", "file membership.txt", stored()...),
		places("termsrv", "file rdpkey.der", stored()...),
		places("termsrv", "file tls.pem", stored()...),

		places("lserver", "tsls.Allocate", whole()...),
		places("lserver", "tsls.Mark", whole()...),
		places("lserver", "tsls.Close", whole()...),
		places("lserver", "tsls.Return", whole()...),
		places("lserver", "sweep", stored()...),
		places("lserver", "tsls.Activate", whole()...),
		places("lserver", "tsls.ActivateByNumber", whole()...),
		places("lserver", "tsls.Automatic", whole()...),
		places("lserver", "tsls.InstallKeyPack", whole()...),
		places("lserver", "tsls.InstallByNumber", whole()...),
		places("lserver", "tsls.Deactivate", whole()...),
		places("lserver", "control deactivate", whole()...),
		places("lserver", "identity", stored()...),
		places("lserver", "upgrade", stored()...),
		places("lserver", "control scope", Asked, BeforeReply, AfterReply),
		places("lserver", "file scope", stored()...),

		places("licmgr", "online", Answered),
		places("licmgr", "file licenses.db", stored()...),

		places("clearinghouse", "file root.pem", stored()...),
		places("clearinghouse", "database", stored()...),
		places("clearinghouse", "document", BeforeReply, AfterReply),
		places("clearinghouse", "web activate", Asked, BeforeReply, AfterReply),
		places("clearinghouse", "web install", Asked, BeforeReply, AfterReply),

		places("labdc", "enroll", whole()...),
		places("labdc", "entry", whole()...),
		places("labdc", "file directory.json", stored()...),
		places("labdc", "control site", Asked, BeforeReply, AfterReply),
	)
}

func places(program, exchange string, steps ...Step) []Place {
	list := make([]Place, len(steps))
	for i, s := range steps {
		list[i] = Place{program, At(exchange, s)}
	}
	return list
}
