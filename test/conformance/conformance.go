// Package conformance writes down podinfo's behavior as its clients see it, in one table, and checks servers against
// it.
//
// The table is data. A [Group] is about one route or one theme; its [Case]s say what a server does, each in the form of
// requests and what their answers must be:
//
//	it("refuses a status that HTTP does not have",
//		get("/status/1000").want(errorObject(400)),
//	).differs("drops the connection"),
//
// A case knows nothing of where it runs. What it needs beyond plain HTTP is a [Capability]; a [Target] says which ones
// it lacks and why, and the cases that need them are skipped with that reason. A group with settings needs a server of
// its own, started with them, and is skipped where the target cannot start one. So the same table runs against the
// long-running server, against a function behind its platform's front door, and against any URL. Some cases are about
// the servers that withhold a capability, and say that it is missing; they run against those alone.
//
// Some cases describe where this podinfo differs from the established one on purpose, mostly because an answer there
// carries the wrong status. They are marked with what the established one does, and the [Report] counts them apart.
package conformance

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Capability is something beyond plain HTTP requests and answers that a case needs: of the server, of the platform it
// runs on, or of the way to it.
type Capability string

// What of a request arrives at the server.
const (
	AnyMethod      Capability = "any method"       // methods that no standard knows
	AnyPath        Capability = "any path"         // paths with double slashes and dots in them
	LargeBody      Capability = "large bodies"     // bodies of 10 MiB, and such answers at the client
	LongHeader     Capability = "long headers"     // a header of 200 kB
	MegaBody       Capability = "bodies of a MiB"  // those of exactly one, and such answers at the client
	OwnPath        Capability = "own path"         // the whole path: nothing is taken away from its start
	RawPath        Capability = "raw paths"        // the path with its escapes, as it was sent
	RepeatedHeader Capability = "repeated headers" // header lines by one name, each as a value of its own
	Upgrade        Capability = "upgrades"         // requests that ask for another protocol
)

// What of an answer arrives at the client.
const (
	AnyStatus Capability = "any status" // status codes from 600 to 999
	Challenge Capability = "challenges" // the header WWW-Authenticate
	Streaming Capability = "streaming"  // parts of an answer as they are written
)

// The kinds of connections to the server.
const (
	GRPC       Capability = "gRPC"         // there is a gRPC address
	H2C        Capability = "h2c"          // the address speaks HTTP/2 without TLS to those who know it
	HangUp     Capability = "hang-up"      // the server notices that a client hangs up, and its metrics show it
	MetricsWeb Capability = "metrics port" // there is a second HTTP address for metrics and profiles
	RawHTTP    Capability = "raw HTTP"     // nothing but bytes on a TCP connection between client and server
	TLS        Capability = "TLS"          // there is an HTTPS address
	WebSocket  Capability = "websockets"   // a connection can be turned into a websocket
)

// What a server has, and what one request leaves behind for the next.
const (
	Backends   Capability = "backends"     // the server reaches addresses of the machine that the cases run on
	Background Capability = "background"   // the server works between requests, too
	Cache      Capability = "cache"        // a cache is configured and reachable
	Drain      Capability = "drain"        // a server that was asked to stop still takes requests for a while
	Exit       Capability = "process exit" // the end of the server's process can be seen
	Files      Capability = "files"        // a server can be started that reads the case's files
	Flags      Capability = "flags"        // a server can be started with flags beside variables
	Metrics    Capability = "metrics"      // GET /metrics shows the one process that serves all requests
	Panic      Capability = "panic"        // a request may end the process
	Plugins    Capability = "plugins"      // the server runs other programs beside itself
	Storage    Capability = "storage"      // what one request stores is there for the next one
	Switches   Capability = "switches"     // a switch that one request turns holds for the next one
)

// connection tells whether the capability is a kind of connection.
func (c Capability) connection() bool {
	return slices.Contains([]Capability{GRPC, H2C, HangUp, MetricsWeb, RawHTTP, TLS, WebSocket}, c)
}

// Capabilities returns all capabilities that cases ask for.
func Capabilities() []Capability {
	return []Capability{
		AnyMethod, AnyPath, LargeBody, LongHeader, MegaBody, OwnPath, RawPath, RepeatedHeader, Upgrade,
		AnyStatus, Challenge, Streaming,
		GRPC, H2C, HangUp, MetricsWeb, RawHTTP, TLS, WebSocket,
		Backends, Background, Cache, Drain, Exit, Files, Flags, Metrics, Panic, Plugins, Storage, Switches,
	}
}

// Target is a server to check, or the means to start one.
type Target struct {
	// Name is what reports call it.
	Name string
	// BaseURL is where the API's "/" is: scheme://host:port, followed by the prefix if there is one, without a final
	// slash. When it is empty, Start is asked for a server without settings.
	BaseURL string
	// SecureURL is the BaseURL of the HTTPS listener, "" if there is none.
	SecureURL string
	// MetricsURL is scheme://host:port of the listener for metrics, "" if there is none.
	MetricsURL string
	// GRPCAddr is host:port of a plaintext gRPC server, "" if there is none.
	GRPCAddr string
	// Mount is the start of the BaseURL's path that a front door takes away before the server sees it, such as the stage
	// of a REST API; "" if it takes nothing.
	Mount string
	// InfoKeys are the keys that the platform adds to /api/info, in their order.
	InfoKeys []string
	// Lacks maps each capability that the target does not have to the reason, a clause such as "API Gateway hands on
	// known methods only". TLS, MetricsWeb and GRPC are lacking as well when there is no address for them, and Exit
	// when there is no function for it.
	Lacks map[Capability]string
	// Withholds is like Lacks, of what the server itself refuses with an answer that says so.
	Withholds map[Capability]string
	// Limits maps capabilities to what their users must know of the platform, where cases do pass. It is for reports.
	Limits map[Capability]string
	// Settings are what the server has to be started with that the groups without settings of their own share.
	Settings []string
	// Start starts a server of this kind for the length of the test t with settings, each either a flag,
	// "--name=value", or an environment variable, "NAME=value". A --prefix among them is not part of the BaseURL: what
	// is made of it is for the case to find out. An error that wraps errors.ErrUnsupported says that
	// this kind of target does not know the settings. Start is nil when somebody else runs the server.
	Start func(t testing.TB, settings []string) (Target, error)
	// Terminate asks the server to stop in the way of its platform.
	Terminate func() error
	// Exit waits for the end of the server's process and returns its exit code.
	Exit func(context.Context) (int, error)
}

// Lacking returns why the target cannot do what needs asks for, or "" if it can do all of it.
func (t Target) Lacking(needs ...Capability) string {
	absent := map[Capability]bool{
		TLS:        t.SecureURL == "",
		MetricsWeb: t.MetricsURL == "",
		GRPC:       t.GRPCAddr == "",
		Exit:       t.Exit == nil || t.Terminate == nil,
	}
	if reason := t.refusing(needs...); reason != "" {
		return reason
	}
	for _, c := range needs {
		if absent[c] {
			return string(c) + ", which this target does not offer"
		}
	}
	return ""
}

// refusing is the part of Lacking that is known of all servers of this kind, before one is started.
func (t Target) refusing(needs ...Capability) string {
	for _, c := range needs {
		for _, reasons := range []map[Capability]string{t.Lacks, t.Withholds} {
			if reason, lacks := reasons[c]; lacks {
				return string(c) + ": " + reason
			}
		}
	}
	return ""
}

// limits returns what the target says about the capabilities that it has all the same.
func (t Target) limits(needs []Capability) []string {
	var said []string
	for _, c := range needs {
		if limit, limited := t.Limits[c]; limited {
			said = append(said, string(c)+": "+limit)
		}
	}
	return said
}

// path returns the path of the BaseURL: "" or /a/b.
func (t Target) path() string {
	u, err := url.Parse(t.BaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// prefix returns the part of the path that the server knows of.
func (t Target) prefix() string { return strings.TrimPrefix(t.path(), t.Mount) }

// origin returns the BaseURL without its path.
func (t Target) origin() string {
	return strings.TrimSuffix(strings.TrimSuffix(t.BaseURL, "/"), t.path())
}

// Group is the part of the table that is about one route or one theme.
type Group struct {
	// Name is unique in the table.
	Name string
	// Routes are the routes that the group is about, as the table of routes writes them, and Services the gRPC services
	// by their full names. A group that is about neither has a Theme, a word or two for reports.
	Routes   []string
	Services []string
	Theme    string
	// Settings are what a server must be started with for these cases, as in Target.Start. In them, ${dir} is the
	// directory of Prepare and Programs and ${backend} the URL of the stub in backend.go.
	Settings []string
	// Prepare fills an empty directory with files for the server to read.
	Prepare func(dir string) error
	// Programs are plugins, main packages of this module as paths from its root. Their binaries are put into the
	// directory of Prepare under their own names.
	Programs []string
	// Fresh asks for a server that served nobody else even if there are no Settings.
	Fresh bool
	// Needs hold for all cases of the group.
	Needs []Capability
	// Cases run one after another, in this order, in a group with a server of its own. Otherwise they run side by
	// side, together with those of other groups.
	Cases []Case
}

// own tells whether the group needs a server of its own.
func (g Group) own() bool { return g.Fresh || g.files() || len(g.Settings) > 0 }

// files tells whether the server reads files of the group.
func (g Group) files() bool { return g.Prepare != nil || len(g.Programs) > 0 }

// Case is one behavior.
type Case struct {
	// Name completes the sentence "it ...".
	Name string
	// Needs says what the case cannot do without.
	Needs []Capability
	// Differs says what the established podinfo does instead, where this one differs on purpose; "" means that both
	// behave the same.
	Differs string
	// Withheld is set for a case about servers that withhold this capability. It runs against these only.
	Withheld Capability
	// Alone marks a case that turns a switch which others on the same server would notice.
	Alone bool
	// Slow marks a case that takes half a minute by its nature; it runs on demand only.
	Slow bool
	// Steps are done in order; the first one that fails ends the case.
	Steps []Step
	// Finally is done in any case, to leave the server as it was.
	Finally []Step
}

// Step is one thing that a case does, with what must come of it. Its error is written for the person who has to find
// out what is wrong with the server.
type Step interface {
	do(*session) error
}

// it makes a case.
func it(name string, steps ...Step) Case { return Case{Name: name, Steps: steps} }

func (c Case) needs(capabilities ...Capability) Case {
	c.Needs = append(slices.Clip(c.Needs), capabilities...)
	return c
}

func (c Case) differs(established string) Case {
	c.Differs = established
	return c
}

// withheld makes the case one about servers that withhold the capability.
func (c Case) withheld(capability Capability) Case {
	c.Withheld = capability
	return c
}

func (c Case) alone() Case {
	c.Alone = true
	return c
}

func (c Case) slow() Case {
	c.Slow = true
	return c
}

func (c Case) finally(steps ...Step) Case {
	c.Finally = steps
	return c
}
