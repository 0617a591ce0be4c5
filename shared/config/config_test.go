package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/config"
)

// row says of one setting what Load makes of it: its default, and what holds as a file, then a variable, then a flag
// give it on top of each other. Values are compared as text.
type row struct {
	name                 string
	get                  func(*config.Config) any
	def                  string
	file, variable, flag string
}

// every is a target with every setting that there is.
func every() config.Target {
	return config.Target{Name: "podinfo", Offers: append(config.Plugins(), "lambda-base-path", "lambda-invoke-mode")}
}

// rows is every setting that podinfo users know by its name and default, and the ones that are new.
var rows = []row{
	{"backend-url", func(c *config.Config) any { return c.BackendURLs }, "[]", "http://f", "http://e", "http://a"},
	{"cache-server", func(c *config.Config) any { return c.CacheServer }, "", "tcp://f:1", "tcp://e:1", "tcp://a:1"},
	{"cert-path", func(c *config.Config) any { return c.CertPath }, "/data/cert", "/f", "/e", "/a"},
	{"data-path", func(c *config.Config) any { return c.DataPath }, "/data", "/f", "/e", "/a"},
	{"env-show-secrets", func(c *config.Config) any { return c.EnvShowSecrets }, "false", "true", "false", "true"},
	{"grpc-port", func(c *config.Config) any { return c.GRPCPort }, "0", "1", "2", "3"},
	{"grpc-service-name", func(c *config.Config) any { return c.GRPCServiceName }, "podinfo", "f", "e", "a"},
	{"h2c", func(c *config.Config) any { return c.H2C }, "false", "true", "false", "true"},
	{"host", func(c *config.Config) any { return c.Host }, "", "127.0.0.1", "127.0.0.2", "::1"},
	{"http-client-timeout", func(c *config.Config) any { return c.HTTPClientTimeout }, "2m0s", "1s", "2s", "3s"},
	{"http-server-timeout", func(c *config.Config) any { return c.HTTPServerTimeout }, "30s", "1s", "2s", "3s"},
	{"lambda-base-path", func(c *config.Config) any { return c.LambdaBasePath }, "", "/f", "/e", "/a"},
	{"lambda-invoke-mode", func(c *config.Config) any { return c.LambdaInvokeMode }, "buffered",
		"response_stream", "buffered", "response_stream"},
	{"level", func(c *config.Config) any { return c.Level }, "info", "warn", "error", "debug"},
	{"log-requests", func(c *config.Config) any { return c.LogRequests }, "false", "true", "false", "true"},
	{"max-body-size", func(c *config.Config) any { return c.MaxBodySize }, "10485760", "1", "2", "3"},
	{"otel-service-name", func(c *config.Config) any { return c.OTelServiceName }, "", "f", "e", "a"},
	{"plugin-admin-token", func(c *config.Config) any { return c.PluginAdminToken }, "", "f", "e", "a"},
	{"plugin-call-timeout", func(c *config.Config) any { return c.PluginCallTimeout }, "10s", "1s", "2s", "3s"},
	{"plugin-checksums", func(c *config.Config) any { return c.PluginChecksums }, "", "/f", "/e", "/a"},
	{"plugin-max-calls", func(c *config.Config) any { return c.PluginMaxCalls }, "64", "1", "2", "3"},
	{"plugin-max-file-size", func(c *config.Config) any { return c.PluginMaxFileSize }, "134217728", "1", "2", "3"},
	{"plugin-max-memory", func(c *config.Config) any { return c.PluginMaxMemory }, "256", "1", "0", "3"},
	{"plugin-mtls", func(c *config.Config) any { return c.PluginMTLS }, "false", "true", "false", "true"},
	{"plugins-path", func(c *config.Config) any { return c.PluginsPath }, "", "/f", "/e", "/a"},
	{"plugins-poll-interval", func(c *config.Config) any { return c.PluginsPollInterval }, "2s", "1s", "10ms", "3s"},
	{"plugins-stage-path", func(c *config.Config) any { return c.PluginsStagePath }, "", "/f", "/e", "/a"},
	{"port", func(c *config.Config) any { return c.Port }, "9898", "1", "2", "3"},
	{"port-metrics", func(c *config.Config) any { return c.MetricsPort }, "0", "1", "2", "3"},
	{"prefix", func(c *config.Config) any { return c.Prefix }, "", "/f", "/e", "/a"},
	{"random-delay", func(c *config.Config) any { return c.RandomDelay }, "false", "true", "false", "true"},
	{"random-delay-max", func(c *config.Config) any { return c.RandomDelayMax / time.Second }, "5ns", "1", "2", "3"},
	{"random-delay-min", func(c *config.Config) any { return c.RandomDelayMin / time.Second }, "0s", "1", "2", "3"},
	{"random-delay-unit", func(c *config.Config) any { return c.RandomDelayUnit }, "1s", "ms", "s", "ms"},
	{"random-error", func(c *config.Config) any { return c.RandomError }, "false", "true", "false", "true"},
	{"read-only", func(c *config.Config) any { return c.ReadOnly }, "false", "true", "false", "true"},
	{"secure-port", func(c *config.Config) any { return c.SecurePort }, "0", "1", "2", "3"},
	{"server-shutdown-timeout", func(c *config.Config) any { return c.ServerShutdownTimeout }, "5s", "1s", "2s", "3s"},
	{"shutdown-delay", func(c *config.Config) any { return c.ShutdownDelay }, "3s", "1s", "2s", "0s"},
	{"store-max-size", func(c *config.Config) any { return c.StoreMaxSize }, "1073741824", "1", "2", "3"},
	{"stress-cpu", func(c *config.Config) any { return c.StressCPU }, "0", "1", "2", "3"},
	{"stress-memory", func(c *config.Config) any { return c.StressMemory }, "0", "1", "2", "3"},
	{"ui-color", func(c *config.Config) any { return c.UIColor }, "#34577c", "red", "green", "blue"},
	{"ui-logo", func(c *config.Config) any { return c.UILogo }, "/ui/logo.svg", "/f.svg", "/e.svg", "/a.svg"},
	{"ui-message", func(c *config.Config) any { return c.UIMessage }, "greetings from podinfo v6.15.0", "f", "e", "a"},
	{"ui-path", func(c *config.Config) any { return c.UIPath }, "./ui", "/f", "/e", "/a"},
	{"unhealthy", func(c *config.Config) any { return c.Unhealthy }, "false", "true", "false", "true"},
	{"unready", func(c *config.Config) any { return c.Unready }, "false", "true", "false", "true"},
}

// want turns the text of a source into what the getter of the row shows.
func (r row) want(text string) string {
	switch r.name {
	case "backend-url":
		return "[" + text + "]"
	case "random-delay-max", "random-delay-min":
		return text + "ns"
	case "random-delay-unit":
		return map[string]string{"s": "1s", "ms": "1ms"}[text]
	}
	return text
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			inDir := "--config-path=" + dir(t, "config.yaml", fmt.Sprintf("%s: %q\n", r.name, r.file))
			variable := variable(r.name) + "=" + r.variable
			steps := []struct {
				sources   string
				args, env []string
				want      string
			}{
				{"default", nil, nil, r.def},
				{"empty variable", nil, []string{variable[:strings.Index(variable, "=")+1]}, r.def},
				{"file", []string{inDir}, nil, r.want(r.file)},
				{"file, variable", []string{inDir}, []string{variable}, r.want(r.variable)},
				{"file, variable, flag", []string{inDir, "--" + r.name + "=" + r.flag}, []string{variable}, r.want(r.flag)},
			}
			for _, step := range steps {
				c := loadFor(t, every(), step.args, step.env)
				if got := fmt.Sprint(r.get(c)); got != step.want {
					t.Errorf("from %s: %s is %q, want %q", step.sources, r.name, got, step.want)
				}
			}
		})
	}
}

// The table above is complete when it names every flag that the usage shows, but for those that cannot come from all
// the sources and have tests of their own.
func TestPrecedenceCoversEverySetting(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	if err := config.Usage(&usage, every()); err != nil {
		t.Fatal(err)
	}
	flag := regexp.MustCompile(`(?m)^ +(?:-., )?--([a-z0-9-]+)`)
	shown := flag.FindAllStringSubmatch(usage.String(), -1)
	if len(shown) <= len(rows) {
		t.Errorf("the usage shows %d flags, fewer than there are settings:\n%s", len(shown), usage.String())
	}
	for _, found := range shown {
		known := slices.ContainsFunc(rows, func(r row) bool { return r.name == found[1] })
		apart := []string{"config", "config-path", "help", "plugin-admin-token-file", "version"}
		if !known && !slices.Contains(apart, found[1]) {
			t.Errorf("--%s has no row in this test", found[1])
		}
	}
}

func TestJWTSecretHasNoFlag(t *testing.T) {
	t.Parallel()
	inDir := "--config-path=" + dir(t, "config.yaml", "jwt-secret: from file\n")
	if got := load(t, nil, nil).JWTSecret; got != "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" {
		t.Errorf("the default secret is %q, want the one that every podinfo knows", got)
	}
	if got := load(t, []string{inDir}, nil).JWTSecret; got != "from file" {
		t.Errorf("the secret is %q, want the one from the file", got)
	}
	if got := load(t, []string{inDir}, []string{"PODINFO_JWT_SECRET= from env "}).JWTSecret; got != " from env " {
		t.Errorf("the secret is %q, want the one from the environment, untouched", got)
	}
	if _, err := config.Load([]string{"--jwt-secret=x"}, nil, config.Server); err == nil {
		t.Error("--jwt-secret is accepted, but the flags of a process are no secret")
	}
}

// What the caller passes is all that counts, so that tests and targets can run side by side.
func TestLoadIgnoresTheProcess(t *testing.T) {
	t.Setenv("PODINFO_PORT", "1")
	if got := load(t, nil, nil).Port; got != 9898 {
		t.Errorf("Port is %d, want the default: Load read the environment of the process", got)
	}
}

func TestHostname(t *testing.T) {
	t.Parallel()
	want, err := os.Hostname()
	if err != nil {
		t.Skipf("SKIPPED %s: this machine has no name: %v", t.Name(), err)
	}
	env := []string{"PODINFO_HOSTNAME=other", "HOSTNAME=other"}
	if got := load(t, nil, env).Hostname; got != want {
		t.Errorf("Hostname is %q, want the machine's %q whatever the environment says", got, want)
	}
}

// PODINFO_VERSION is a popular variable in images; it must not be taken for the flag --version.
func TestFlagsThatAreNoSettings(t *testing.T) {
	t.Parallel()
	inDir := "--config-path=" + dir(t, "config.yaml", "version: true\nhelp: true\nconfig-path: /elsewhere\n")
	c := load(t, []string{inDir}, []string{"PODINFO_VERSION=6.14.1", "PODINFO_HELP=true"})
	if c.ConfigPath == "/elsewhere" {
		t.Error("the config file moved its own directory")
	}
}

func TestUnusualValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		args, env []string
		get       func(*config.Config) any
		want      any
	}{
		{"of a flag given twice the last counts", []string{"--port=1", "--port=2"}, nil, port, 2},
		{"of a variable given twice the first counts", nil, []string{"PODINFO_PORT=1", "PODINFO_PORT=2"}, port, 1},
		{"arguments are ignored", []string{"serve", "--port=1", "now", "--", "--port=2"}, nil, port, 1},
		{"a flag and its value may be two arguments", []string{"--port", "1"}, nil, port, 1},
		{"a leading zero is decimal", []string{"--port=010"}, nil, port, 10},
		{"white space around a number", nil, []string{"PODINFO_PORT= 80\n"}, port, 80},
		{"an empty flag is given", []string{"--ui-message="}, []string{"PODINFO_UI_MESSAGE=x"}, message, ""},
		{"white space in a message stays", []string{"--ui-message= a "}, nil, message, " a "},
		{"IPv6 in brackets", []string{"--host=[::1]"}, nil, host, "::1"},
		{"white space around a host", []string{"--host= localhost "}, nil, host, "localhost"},
		{"upper-case level", []string{"--level=DEBUG"}, nil, level, "debug"},
		{"unknown level", []string{"--level=loud"}, nil, level, "loud"},
		{"server timeout off", []string{"--http-server-timeout=0"}, nil,
			func(c *config.Config) any { return c.HTTPServerTimeout }, time.Duration(0)},
		{"random delay in milliseconds", []string{"--random-delay-unit=ms", "--random-delay-max=7"}, nil,
			func(c *config.Config) any { return c.RandomDelayMax }, 7 * time.Millisecond},
		{"random delay with equal bounds", []string{"--random-delay-min=2", "--random-delay-max=2"}, nil,
			func(c *config.Config) any { return c.RandomDelayMin }, 2 * time.Second},
		{"bool without a value", []string{"--h2c"}, nil, func(c *config.Config) any { return c.H2C }, true},
		{"bool as a digit", nil, []string{"PODINFO_H2C=1"}, func(c *config.Config) any { return c.H2C }, true},
		{"logo under the prefix", []string{"--prefix=p"}, nil,
			func(c *config.Config) any { return c.UILogo }, "/p/ui/logo.svg"},
		{"an empty logo is the built-in one", []string{"--ui-logo="}, nil,
			func(c *config.Config) any { return c.UILogo }, "/ui/logo.svg"},
		{"page not given", nil, nil, func(c *config.Config) any { return c.UIPathSet }, false},
		{"page given, even as the default", []string{"--ui-path=./ui"}, nil,
			func(c *config.Config) any { return c.UIPathSet }, true},
		{"page from the environment", nil, []string{"PODINFO_UI_PATH=/x"},
			func(c *config.Config) any { return c.UIPathSet }, true},
		{"debug does not wait before it stops", []string{"--level=debug"}, nil, delay, time.Duration(0)},
		{"debug waits when told to", []string{"--level=debug"}, []string{"PODINFO_SHUTDOWN_DELAY=1s"},
			delay, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.get(load(t, tt.args, tt.env)); got != tt.want {
				t.Errorf("args %q, env %q: got %#v, want %#v", tt.args, tt.env, got, tt.want)
			}
		})
	}
}

func port(c *config.Config) any    { return c.Port }
func message(c *config.Config) any { return c.UIMessage }
func host(c *config.Config) any    { return c.Host }
func level(c *config.Config) any   { return c.Level }
func delay(c *config.Config) any   { return c.ShutdownDelay }

func TestBackendURLs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		args, env []string
		file      string
		want      []string
	}{
		{name: "repeated", args: []string{"--backend-url=http://a", "--backend-url", "http://b"},
			want: []string{"http://a", "http://b"}},
		{name: "commas and repeated", args: []string{"--backend-url=http://a, http://b", "--backend-url=http://c"},
			want: []string{"http://a", "http://b", "http://c"}},
		{name: "quoted comma", args: []string{`--backend-url="http://a/?x=1,2",http://b`},
			want: []string{"http://a/?x=1,2", "http://b"}},
		{name: "spaces do not split", env: []string{"PODINFO_BACKEND_URL=http://a http://b,http://c"},
			want: []string{"http://a http://b", "http://c"}},
		{name: "lines split", env: []string{"PODINFO_BACKEND_URL=http://a\nhttp://b\n"},
			want: []string{"http://a", "http://b"}},
		{name: "empty entries are dropped", env: []string{"PODINFO_BACKEND_URL=,http://a,,"}, want: []string{"http://a"}},
		{name: "a flag replaces the variable", args: []string{"--backend-url=http://a"},
			env: []string{"PODINFO_BACKEND_URL=http://b"}, want: []string{"http://a"}},
		{name: "list in the file", file: "backend-url:\n- http://a/?x=1,2\n- http://b\n",
			want: []string{"http://a/?x=1,2", "http://b"}},
		{name: "text in the file", file: "backend-url: http://a,http://b\n", want: []string{"http://a", "http://b"}},
		{name: "not a URL", args: []string{"--backend-url=http://[::1"}, want: []string{"http://[::1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--config-path=" + dir(t, "config.yaml", tt.file)}, tt.args...)
			if got := load(t, args, tt.env).BackendURLs; !slices.Equal(got, tt.want) {
				t.Errorf("BackendURLs is %q, want %q", got, tt.want)
			}
		})
	}
}

// Kubernetes puts links to the Services of a namespace into every pod, under names that can be those of settings.
func TestServiceLinks(t *testing.T) {
	t.Parallel()
	inDir := "--config-path=" + dir(t, "config.yaml",
		"port: 1\nsecure-port: 2\nport-metrics: 3\ngrpc-port: 4\nhost: 127.0.0.1\n")
	for _, link := range []string{"tcp://10.0.0.1:9898", "udp://10.0.0.1:9898", "sctp://[fd00::1]:9898"} {
		c := load(t, []string{inDir}, []string{
			"PODINFO_PORT=" + link, "PODINFO_SECURE_PORT=" + link, "PODINFO_PORT_METRICS=" + link,
			"PODINFO_GRPC_PORT=" + link, "PODINFO_HOST=" + link,
		})
		got := []any{c.Port, c.SecurePort, c.MetricsPort, c.GRPCPort, c.Host}
		if want := []any{1, 2, 3, 4, "127.0.0.1"}; !slices.Equal(got, want) {
			t.Errorf("with links to %s the ports and the host are %v, want %v from the file", link, got, want)
		}
	}
	c := load(t, nil, []string{"PODINFO_PORT=http", "PODINFO_SECURE_PORT=9898abc"})
	if c.Port != 9898 || c.SecurePort != 0 {
		t.Errorf("with variables that are no numbers Port is %d and SecurePort %d, want their defaults", c.Port, c.SecurePort)
	}
}

// load loads the settings of the server and fails the test when that does not work.
func load(t *testing.T, args, env []string) *config.Config {
	t.Helper()
	return loadFor(t, config.Server, args, env)
}

// loadFor is load for another target.
func loadFor(t *testing.T, target config.Target, args, env []string) *config.Config {
	t.Helper()
	c, err := config.Load(args, env, target)
	if err != nil {
		t.Fatalf("Load(%q, %q): %v", args, env, err)
	}
	return c
}

// dir makes a directory with one file in it.
func dir(t testing.TB, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// variable is the name of a setting in the environment.
func variable(name string) string {
	return "PODINFO_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
