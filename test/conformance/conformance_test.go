package conformance

import (
	"flag"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestMain lets more cases run at once than there are processors, unless -parallel says how many: they spend their
// time waiting for servers.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "8") // a flag that every test binary has
	}
	m.Run()
}

// podinfo starts the long-running server.
func podinfo(t testing.TB, settings []string) (Target, error) {
	target := OfProcess(testkit.StartPodinfo(t, settings...))
	target.Name, target.Start = "podinfo", podinfo
	return target, nil
}

func start(t *testing.T, name string, settings ...string) Target {
	t.Helper()
	target, err := podinfo(t, settings)
	if err != nil {
		t.Fatal(err)
	}
	target.Name = name
	return target
}

// judge runs cases and, with -v, shows the report.
func judge(t *testing.T, target Target, groups []Group, verdict Verdict) {
	t.Helper()
	if report := Run(t, target, groups, verdict); testing.Verbose() {
		t.Log(report)
	}
}

// enforceCommon enforces what the established podinfo does as well.
func enforceCommon(t testing.TB, r Result) {
	t.Helper()
	if r.Outcome == Failed && r.Differs != "" {
		t.Skip(r.Explain())
	}
	Enforce(t, r)
}

// TestPodinfoUnderAPrefix runs the cases that need no server of their own a second time, under a prefix.
func TestPodinfoUnderAPrefix(t *testing.T) {
	t.Parallel()
	target := start(t, "prefixed", "--prefix=/a/b", "--cache-server=memory://")
	target.BaseURL += "/a/b"
	judge(t, target, slices.DeleteFunc(Table(), Group.own), Enforce)
}

func TestPodinfoWithRedis(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	judge(t, start(t, "redis", "--cache-server=tcp://"+redis.Addr), Only("cache"), Enforce)
}

// The environment of TestURL.
const (
	envURL     = "CONFORMANCE_URL"          // base URL of the server to check
	envSecure  = "CONFORMANCE_SECURE_URL"   // its HTTPS base URL, if it has one
	envMetrics = "CONFORMANCE_METRICS_URL"  // its listener for metrics, if it has one
	envGRPC    = "CONFORMANCE_GRPC_ADDR"    // host:port of its gRPC server, if it has one
	envWithout = "CONFORMANCE_WITHOUT"      // capabilities that it lacks, separated by commas
	envAllowed = "CONFORMANCE_ALLOW_DIFFER" // when set, the established podinfo's own ways do not fail the test
)

// TestURL checks the server that the environment names, whoever runs it.
func TestURL(t *testing.T) {
	t.Parallel()
	base := os.Getenv(envURL)
	if base == "" {
		t.Skipf("set %s=http://host:port to check the server there", envURL)
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		t.Fatalf("%s=%q is no URL; it looks like http://host:port/prefix", envURL, base)
	}
	target := Target{
		Name: base, BaseURL: strings.TrimSuffix(base, "/"), SecureURL: os.Getenv(envSecure),
		MetricsURL: os.Getenv(envMetrics), GRPCAddr: os.Getenv(envGRPC), Lacks: map[Capability]string{},
	}
	for name := range strings.SplitSeq(os.Getenv(envWithout), ",") {
		if name == "" {
			continue
		}
		c := Capability(strings.TrimSpace(name))
		if !slices.Contains(Capabilities(), c) {
			t.Fatalf("%s names %q, which is no capability; there are %q", envWithout, name, Capabilities())
		}
		target.Lacks[c] = "left out by " + envWithout
	}
	verdict := Enforce
	if os.Getenv(envAllowed) != "" {
		verdict = enforceCommon
	}
	judge(t, target, Table(), verdict)
}

func TestTableIsWellFormed(t *testing.T) {
	t.Parallel()
	groups := map[string]bool{}
	cases := 0
	for _, g := range Table() {
		if groups[g.Name] {
			t.Errorf("there are two groups called %q", g.Name)
		}
		groups[g.Name] = true
		about := 0
		for _, is := range []bool{len(g.Routes) > 0, len(g.Services) > 0, g.Theme != ""} {
			if is {
				about++
			}
		}
		if about != 1 {
			t.Errorf("%s: is about %d of routes, services and a theme, want one of them", g.Name, about)
		}
		names := map[string]bool{}
		for _, c := range g.Cases {
			cases++
			if names[c.Name] {
				t.Errorf("%s: there are two cases called %q", g.Name, c.Name)
			}
			names[c.Name] = true
			if len(c.Steps) == 0 {
				t.Errorf("%s: %s: has no steps", g.Name, c.Name)
			}
			if g.own() && c.Alone {
				t.Errorf("%s: %s: is alone anyway, on a server of its own", g.Name, c.Name)
			}
			if c.Withheld != "" && slices.Contains(g.Needs, c.Withheld) {
				t.Errorf("%s: %s: is about the lack of what its group needs", g.Name, c.Name)
			}
			for _, need := range slices.Concat(c.Needs, g.Needs, withheld(c)) {
				if !slices.Contains(Capabilities(), need) {
					t.Errorf("%s: %s: needs the unknown capability %q", g.Name, c.Name, need)
				}
			}
		}
		for _, setting := range g.Settings {
			if !regexp.MustCompile(`^(--[a-z0-9-]+(=.*)?|[A-Za-z0-9_]+=.*)$`).MatchString(setting) {
				t.Errorf("%s: the setting %q is neither a flag nor a variable", g.Name, setting)
			}
		}
	}
	t.Logf("%d cases in %d groups", cases, len(groups))
}

// withheld returns the capability that a case is about the lack of, if it is.
func withheld(c Case) []Capability {
	if c.Withheld == "" {
		return nil
	}
	return []Capability{c.Withheld}
}
