// Package config turns flags, PODINFO_* variables and a config file into one typed [Config].
//
// Every setting stands once, in the table of settings.go: its name, its type with the values it takes, its default and
// its help. The flag --ui-color is the variable PODINFO_UI_COLOR and the key ui-color of the config file. For each
// setting the first source that gives it wins:
//
//	flag > variable of the platform > PODINFO_* variable > config file > default
//
// and its text goes through the same check whatever the source, so that a wrong value ends with one line that names the
// source, the value and the fix. An empty variable counts as not given. Values that a higher source overrides are not
// looked at.
//
// Platforms differ in their defaults and in what they can do; a [Target] says so and nothing else here knows about it.
package config

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// DefaultJWTSecret signs tokens when no secret is set. It is public, and the same for every podinfo, because replicas
// must accept each other's tokens without being configured. Nothing privileged may accept a token signed with it.
const DefaultJWTSecret = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" //nolint:gosec // public on purpose

// The values of Config.LambdaInvokeMode, which are those of the invoke mode of a function URL in lower case:
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html
const (
	LambdaBuffered       = "buffered"        // an answer is sent when it is whole
	LambdaResponseStream = "response_stream" // an answer is sent as it is written
)

// Config holds the settings of one process, checked. Its zero value is of no use; [Load] makes it.
type Config struct {
	Host            string // address that all listeners bind, without brackets; "" is every address
	Port            int    // HTTP, 0 is off
	SecurePort      int    // HTTPS, 0 is off
	MetricsPort     int    // metrics and profiles, 0 is off
	GRPCPort        int    // gRPC, 0 is off
	GRPCServiceName string // the name that gRPC health checks know
	Prefix          string // in front of every HTTP path: "" or /a/b, see [NormalizePrefix]
	Level           string // log level in lower case; an unknown one means info

	BackendURLs []string // where echo sends to, in the order given; not checked to be URLs

	HTTPClientTimeout     time.Duration // bound on a backend call, more than 0
	HTTPServerTimeout     time.Duration // bound on reading a request and on writing its answer, 0 is no bound
	ServerShutdownTimeout time.Duration // for the requests in flight, from the end of ShutdownDelay on
	ShutdownDelay         time.Duration // serving goes on for this long after the signal to stop

	DataPath     string // directory of the store
	ConfigPath   string // directory of the config file and of /configs, "" is none
	ConfigFile   string // name of the config file in ConfigPath
	ConfigSecret bool   // whether the config file holds a secret, so that it is not to be shown
	CertPath     string // directory of tls.crt and tls.key

	UIPath    string // directory of the page
	UIPathSet bool   // whether UIPath was given, and so takes the place of the embedded page
	UILogo    string // URL or path of the logo, never empty
	UIColor   string // CSS color
	UIMessage string // greeting

	H2C bool // HTTP/2 without TLS

	RandomDelay     bool          // wait before every request
	RandomDelayUnit time.Duration // a second or a millisecond; a delay is a whole number of it
	RandomDelayMin  time.Duration // shortest delay, inclusive
	RandomDelayMax  time.Duration // longest delay, inclusive, at least RandomDelayMin
	RandomError     bool          // let one request in three fail
	Unhealthy       bool          // liveness fails from the start
	Unready         bool          // readiness fails from the start
	StressCPU       int           // busy loops
	StressMemory    int           // megabytes (10^6 bytes) to hold

	CacheServer     string // address of the cache, may hold a password; "" is none
	OTelServiceName string // name in traces; "" is no OpenTelemetry
	JWTSecret       string // signs tokens, never empty

	MaxBodySize    int64 // bytes that a request's body may have
	StoreMaxSize   int64 // bytes that the store may hold in total
	LogRequests    bool  // log a line per request at info
	ReadOnly       bool  // refuse /panic, the switches and changes to plugins
	EnvShowSecrets bool  // show secrets in /env

	PluginsPath         string        // directory of the plugins, "" is none
	PluginsStagePath    string        // directory that they are copied to, "" is a private one
	PluginsPollInterval time.Duration // how often PluginsPath is looked at
	PluginChecksums     string        // file of the plugins that may run, "" is all
	PluginAdminToken    string        // bearer token of those who may manage plugins, "" is nobody
	PluginMTLS          bool          // encrypt the connections to plugins
	PluginCallTimeout   time.Duration // bound on a call, more than 0
	PluginMaxCalls      int           // calls in flight a plugin
	PluginMaxMemory     int           // megabytes (10^6 bytes) a plugin, 0 is no bound
	PluginMaxFileSize   int64         // bytes of a plugin's file

	LambdaInvokeMode string // LambdaBuffered or LambdaResponseStream
	LambdaBasePath   string // path of a custom domain's mapping: "" or /a/b, as Prefix is

	Hostname string // name of this machine or pod, from the system
}

// Load reads the settings of target from args (without the program's name), env (as from [os.Environ]) and the config
// file that these two name. It looks at nothing else but the host's name.
//
// Every error is one line and holds no secret. Give it to [Report], which also serves --help and --version: to the
// caller of Load both are errors, since there is no Config to go on with.
func Load(args, env []string, target Target) (*Config, error) {
	s, err := newSettings(target)
	if err != nil {
		return nil, err
	}
	if err := s.readArgs(args); err != nil {
		return nil, err
	}
	if err := s.readEnvironment(env); err != nil {
		return nil, err
	}
	// The flags and variables have said by now where the file is.
	if err := s.readFile(s.config.ConfigPath, s.config.ConfigFile); err != nil {
		return nil, err
	}
	return s.complete()
}

// complete fills in what follows from several settings at once, and checks what only holds between them.
func (s *settings) complete() (*Config, error) {
	c := s.config
	if s.delayMax < s.delayMin {
		return nil, s.delayError()
	}
	c.RandomDelayMin = time.Duration(s.delayMin) * c.RandomDelayUnit
	c.RandomDelayMax = time.Duration(s.delayMax) * c.RandomDelayUnit
	c.Level = strings.ToLower(c.Level)
	c.UIPathSet = s.given("ui-path")
	if c.Level == "debug" && !s.given("shutdown-delay") {
		// Whoever debugs stops and starts often, and no load balancer has to be told first.
		c.ShutdownDelay = 0
	}
	if err := s.readTokenFile(&c); err != nil {
		return nil, err
	}
	if c.UILogo == "" {
		c.UILogo = c.Prefix + "/ui/logo.svg"
	}
	c.Hostname = hostname()
	return &c, nil
}

// delayError blames the bound that was given, so that the line names something its reader wrote.
func (s *settings) delayError() error {
	if s.given("random-delay-max") {
		return &settingError{
			source: s.origin["random-delay-max"], text: s.value("random-delay-max"),
			cause: fmt.Errorf("less than random-delay-min, which is %d; raise the one or lower the other", s.delayMin),
		}
	}
	return &settingError{
		source: s.origin["random-delay-min"], text: s.value("random-delay-min"),
		cause: fmt.Errorf("more than random-delay-max, which is %d; lower the one or raise the other", s.delayMax),
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		// A name that is missing is no reason not to serve.
		return "unknown"
	}
	return name
}
