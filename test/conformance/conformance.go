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
// long-running server, against a function behind its platform's front door, and against any URL.
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

// The capabilities that cases ask for.
const (
	AnyMethod  Capability = "any method"   // request methods that no standard knows arrive
	AnyStatus  Capability = "any status"   // status codes from 600 to 999 arrive
	Background Capability = "background"   // the server works between requests, too
	Cache      Capability = "cache"        // a cache is configured and reachable
	Exit       Capability = "process exit" // the end of the server's process can be seen
	GRPC       Capability = "grpc"         // there is a gRPC address
	LargeBody  Capability = "large bodies" // request bodies of 10 MiB arrive
	Metrics    Capability = "metrics"      // GET /metrics shows the one process that serves all requests
	MetricsWeb Capability = "metrics port" // there is a second HTTP address for metrics and profiles
	RawHTTP    Capability = "raw http"     // nothing but bytes on a TCP connection between client and server
	RawPath    Capability = "raw paths"    // the request path arrives as it was sent, escapes and double slashes included
	Streaming  Capability = "streaming"    // parts of an answer arrive as they are written
	Switches   Capability = "switches"     // a switch that one request turns holds for the next one
	TLS        Capability = "tls"          // there is an HTTPS address
	WebSocket  Capability = "websocket"    // a connection can be turned into a websocket
	Files      Capability = "files"        // a server can be started that reads the case's files
	HangUp     Capability = "hang-up"      // the server notices that a client hangs up
)

// Capabilities returns all capabilities that cases ask for.
func Capabilities() []Capability {
	return []Capability{
		AnyMethod, AnyStatus, Background, Cache, Exit, Files, GRPC, HangUp, LargeBody, Metrics, MetricsWeb, RawHTTP,
		RawPath, Streaming, Switches, TLS, WebSocket,
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
	// Lacks maps each capability that the target does not have to the reason, a clause such as "API Gateway hands on
	// known methods only". TLS, MetricsWeb and GRPC are lacking as well when there is no address for them, and Exit
	// when there is no function for it.
	Lacks map[Capability]string
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
	for _, c := range needs {
		if reason, lacks := t.Lacks[c]; lacks {
			return "needs " + string(c) + ": " + reason
		}
		if absent[c] {
			return "needs " + string(c) + ", which this target does not offer"
		}
	}
	return ""
}

// prefix returns the path of the BaseURL: "" or /a/b.
func (t Target) prefix() string {
	u, err := url.Parse(t.BaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// origin returns the BaseURL without its path.
func (t Target) origin() string {
	return strings.TrimSuffix(strings.TrimSuffix(t.BaseURL, "/"), t.prefix())
}

// Group is the part of the table that is about one route or one theme.
type Group struct {
	// Name is unique in the table.
	Name string
	// Routes are the routes that the group is about, as the API document writes them; none for a general theme.
	Routes []string
	// Settings are what a server must be started with for these cases, as in Target.Start. In them, ${dir} is the
	// directory that Prepare filled and ${backend} the URL of the stub in backend.go.
	Settings []string
	// Prepare fills an empty directory with files for the server to read.
	Prepare func(dir string) error
	// Fresh asks for a server that served nobody else even if there are no Settings.
	Fresh bool
	// Needs hold for all cases of the group.
	Needs []Capability
	// Cases run one after another, in this order, in a group with a server of its own. Otherwise they run side by
	// side, together with those of other groups.
	Cases []Case
}

// own tells whether the group needs a server of its own.
func (g Group) own() bool { return g.Fresh || g.Prepare != nil || len(g.Settings) > 0 }

// Case is one behavior.
type Case struct {
	// Name completes the sentence "it ...".
	Name string
	// Needs says what the case cannot do without.
	Needs []Capability
	// Differs says what the established podinfo does instead, where this one differs on purpose; "" means that both
	// behave the same.
	Differs string
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
