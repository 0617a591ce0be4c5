package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/podinfo-targets/podinfo/shared/version"
)

// sources is a set of the places that a setting comes from.
type sources uint8

const (
	fromArgs sources = 1 << iota
	fromEnvironment
	fromFile
)

// setting is one row of the table.
type setting struct {
	name  string
	short string // the one-letter flag, "" is none
	value pflag.Value
	usage string

	optional bool              // only targets that offer it have it
	secret   bool              // its value is in no error
	not      sources           // the places it is not read from
	foreign  func(string) bool // tells values of its PODINFO_* variable that are not meant for podinfo; nil is none
	platform string            // the platform's own variable for it, "" is none
}

// variable is the name of the setting in the environment.
func (s *setting) variable() string {
	return "PODINFO_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// settings is the table at work: the rows by name, the Config that their values write to, and who gave what.
type settings struct {
	target Target
	table  map[string]*setting
	config Config
	origin map[string]string // the source that gave a setting, in words; without an entry the default holds

	delayMin, delayMax int    // in units of the random delay, which may be read after them
	tokenFile          string // the file that PluginAdminToken is read from, "" is none
	version, help      bool   // the two flags that end the start
}

func newSettings(target Target) (*settings, error) {
	s := &settings{target: target, table: make(map[string]*setting), origin: make(map[string]string)}
	for _, row := range s.rows() {
		if !row.optional || slices.Contains(target.Offers, row.name) {
			s.table[row.name] = &row
		}
	}
	if err := target.apply(s); err != nil {
		return nil, err
	}
	return s, nil
}

// rows is the table of everything that can be set, in the order of the alphabet.
func (s *settings) rows() []setting {
	const (
		mostMegabytes = 1_000_000  // a terabyte
		mostLoops     = 4096       // busy loops, more than any machine has cores
		mostCalls     = 100_000    // calls in flight, more than anybody waits for
		mostUnits     = 86_400_000 // a day of milliseconds
		mostBytes     = int64(1) << 50
	)
	c := &s.config
	return []setting{
		{name: "backend-url", value: &list{&c.BackendURLs},
			usage: "backend that /echo sends its body to; repeat the flag or separate by commas for several"},
		{name: "cache-server", value: trimmedText(&c.CacheServer, ""),
			usage: "cache, as tcp://, redis:// or rediss://[user:password@]host:port[/database], " +
				"or memory://[?max-size=64MiB] for one in the process; empty for none"},
		{name: "cert-path", value: text(&c.CertPath, "/data/cert"),
			usage: "directory that holds tls.crt and tls.key for --secure-port"},
		{name: "config", value: text(&c.ConfigFile, "config.yaml"), not: fromFile,
			usage: "name of the config file in --config-path; its extension says whether it is YAML, JSON or TOML"},
		{name: "config-path", value: text(&c.ConfigPath, ""), not: fromFile,
			usage: "directory of the config file, whose files /configs shows"},
		{name: "data-path", value: text(&c.DataPath, "/data"),
			usage: "directory that /store keeps its files in"},
		{name: "env-show-secrets", value: boolean(&c.EnvShowSecrets),
			usage: "show the values of secret-looking variables in /env instead of masking them"},
		{name: "grpc-port", value: port(&c.GRPCPort, 0), foreign: serviceLink,
			usage: "port of the gRPC server, 0 for none"},
		{name: "grpc-service-name", value: text(&c.GRPCServiceName, "podinfo"),
			usage: "name that the gRPC health service answers for"},
		{name: "h2c", value: boolean(&c.H2C),
			usage: "serve HTTP/2 without TLS on --port, besides HTTP/1.1"},
		{name: "help", short: "h", value: boolean(&s.help), not: fromEnvironment | fromFile,
			usage: "print this text"},
		{name: "host", value: host(&c.Host), foreign: serviceLink,
			usage: "address that the servers listen on, empty for all"},
		{name: "http-client-timeout", value: duration(&c.HTTPClientTimeout, 2*time.Minute, time.Millisecond),
			usage: "longest that a call to a backend may take"},
		{name: "http-server-timeout", value: duration(&c.HTTPServerTimeout, 30*time.Second, 0),
			usage: "longest that reading a request or writing its answer may take, 0s for no bound; " +
				"idle connections live twice as long"},
		{name: "jwt-secret", value: secret(&c.JWTSecret, DefaultJWTSecret), not: fromArgs, secret: true,
			usage: "secret that signs the tokens of /token; not a flag, because every process can read the flags " +
				"of the others"},
		{name: "lambda-base-path", value: prefix(&c.LambdaBasePath), optional: true,
			usage: "path under which a custom domain's API mapping reaches the function; it is taken off every request"},
		{name: "lambda-invoke-mode", value: invokeMode(&c.LambdaInvokeMode), optional: true,
			usage: "how answers leave, as the function URL or the API is set up: buffered or response_stream"},
		{name: "level", value: trimmedText(&c.Level, "info"),
			usage: "lowest level that is logged: debug, info, warn, error, fatal or panic"},
		{name: "log-requests", value: boolean(&c.LogRequests),
			usage: "log a line for each request at level info, with its status, bytes and duration"},
		{name: "max-body-size", value: whole(&c.MaxBodySize, 10<<20, 1, mostBytes),
			usage: "most bytes that the body of a request may have"},
		{name: "otel-service-name", value: text(&c.OTelServiceName, ""),
			usage: "name of this service in OpenTelemetry; setting it sends traces, logs and metrics as the " +
				"OTEL_* variables say"},
		{name: "plugin-admin-token", value: bearer(&c.PluginAdminToken), optional: true, secret: true,
			usage: "bearer token of those who may reload, kill, start and delete plugins, empty for nobody; better in a " +
				"file or in PODINFO_PLUGIN_ADMIN_TOKEN, because every process can read the flags of the others"},
		{name: "plugin-admin-token-file", value: text(&s.tokenFile, ""), optional: true,
			usage: "file that holds the token, read at the start, in place of --plugin-admin-token"},
		{name: "plugin-call-timeout", value: duration(&c.PluginCallTimeout, 10*time.Second, time.Millisecond), optional: true,
			usage: "longest that a plugin may take for a call"},
		{name: "plugin-checksums", value: text(&c.PluginChecksums, ""), optional: true,
			usage: "file in the format of sha256sum that lists the plugins that may run, empty for all"},
		{name: "plugin-max-calls", value: whole(&c.PluginMaxCalls, 64, 1, mostCalls), optional: true,
			usage: "most calls that a plugin is given at a time"},
		{name: "plugin-max-file-size", value: whole(&c.PluginMaxFileSize, 128<<20, 1, mostBytes), optional: true,
			usage: "most bytes that the file of a plugin may have"},
		{name: "plugin-max-memory", value: whole(&c.PluginMaxMemory, 256, 0, mostMegabytes), optional: true,
			usage: "megabytes of memory that a plugin may use, 0 for no bound"},
		{name: "plugin-mtls", value: boolean(&c.PluginMTLS), optional: true,
			usage: "encrypt the connections to plugins, with certificates that last as long as their processes"},
		{name: "plugins-path", value: text(&c.PluginsPath, ""), optional: true,
			usage: "directory of the plugins, which are loaded and reloaded as their files change; empty for none"},
		{name: "plugins-poll-interval", value: duration(&c.PluginsPollInterval, 2*time.Second, 10*time.Millisecond),
			optional: true, usage: "how often to look at --plugins-path"},
		{name: "plugins-stage-path", value: text(&c.PluginsStagePath, ""), optional: true,
			usage: "directory that plugins are copied to and run from, empty for one of its own among the temporary ones"},
		{name: "port", value: port(&c.Port, 9898), foreign: notNumber,
			usage: "port of the HTTP server, 0 for none"},
		{name: "port-metrics", value: port(&c.MetricsPort, 0), foreign: serviceLink,
			usage: "port of a server of its own for metrics and profiles, 0 for none"},
		{name: "prefix", value: prefix(&c.Prefix),
			usage: "path that every HTTP route is put under"},
		{name: "random-delay", value: boolean(&c.RandomDelay),
			usage: "wait a random time before each request"},
		{name: "random-delay-max", value: whole(&s.delayMax, 5, 0, mostUnits),
			usage: "longest random delay, inclusive, in --random-delay-unit"},
		{name: "random-delay-min", value: whole(&s.delayMin, 0, 0, mostUnits),
			usage: "shortest random delay, inclusive, in --random-delay-unit"},
		{name: "random-delay-unit", value: unit(&c.RandomDelayUnit),
			usage: "unit of the random delay: s or ms"},
		{name: "random-error", value: boolean(&c.RandomError),
			usage: "answer one request in three with a random error"},
		{name: "read-only", value: boolean(&c.ReadOnly),
			usage: "refuse /panic, the switches of readiness and fault injection, and changes to plugins"},
		{name: "secure-port", value: port(&c.SecurePort, 0), foreign: notNumber,
			usage: "port of the HTTPS server, 0 for none"},
		{name: "server-shutdown-timeout", value: duration(&c.ServerShutdownTimeout, 5*time.Second, 0),
			usage: "longest that requests in flight may take once --shutdown-delay is over"},
		{name: "shutdown-delay", value: duration(&c.ShutdownDelay, 3*time.Second, 0),
			usage: "how long to go on serving after the signal to stop, while load balancers learn of it; " +
				"0s when --level is debug, unless given"},
		{name: "store-max-size", value: whole(&c.StoreMaxSize, 1<<30, 1, mostBytes),
			usage: "most bytes that /store keeps in total"},
		{name: "stress-cpu", value: whole(&c.StressCPU, 0, 0, mostLoops),
			usage: "number of loops that keep a CPU busy"},
		{name: "stress-memory", value: whole(&c.StressMemory, 0, 0, mostMegabytes),
			usage: "megabytes of memory to hold"},
		{name: "ui-color", value: text(&c.UIColor, "#34577c"),
			usage: "color of the page"},
		{name: "ui-logo", value: text(&c.UILogo, ""),
			usage: "URL of the logo, empty for the built-in one"},
		{name: "ui-message", value: text(&c.UIMessage, "greetings from podinfo v"+version.Version),
			usage: "greeting on the page and in /api/info"},
		{name: "ui-path", value: text(&c.UIPath, "./ui"),
			usage: "directory with a page of your own, vue.html, in place of the built-in one"},
		{name: "unhealthy", value: boolean(&c.Unhealthy),
			usage: "fail the liveness probe"},
		{name: "unready", value: boolean(&c.Unready),
			usage: "fail the readiness probe until POST /readyz/enable"},
		{name: "version", short: "v", value: boolean(&s.version), not: fromEnvironment | fromFile,
			usage: "print the version"},
	}
}

// from returns the rows that source can give, in the order of the alphabet so that of two errors always the same one
// is reported.
func (s *settings) from(source sources) []*setting {
	var rows []*setting
	for _, name := range slices.Sorted(maps.Keys(s.table)) {
		if row := s.table[name]; row.not&source == 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

// given tells whether a source gave the setting, as against its default.
func (s *settings) given(name string) bool { return s.origin[name] != "" }

// value shows the setting as text.
func (s *settings) value(name string) string { return s.table[name].value.String() }

// give sets row to what source says, and remembers the source. A source that gives a list again adds to it.
func (s *settings) give(row *setting, source, text string) error {
	set := row.value.Set
	if list, ok := row.value.(pflag.SliceValue); ok && s.origin[row.name] == source {
		set = list.Append
	}
	if err := set(text); err != nil {
		if row.secret {
			text = ""
		}
		return &settingError{source: source, text: text, cause: err}
	}
	s.origin[row.name] = source
	return nil
}
