package config_test

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/config"
)

func TestWrongValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args, env []string
		want      string
	}{
		{args: []string{"--port=http"}, want: `flag --port "http": not a whole number; give one from 0 to 65535`},
		{args: []string{"--port=65536"}, want: `flag --port "65536": out of range; give a number from 0 to 65535`},
		{args: []string{"--port=-1"}, want: `flag --port "-1": out of range; give a number from 0 to 65535`},
		{args: []string{"--port=99999999999999999999"},
			want: `flag --port "99999999999999999999": out of range; give a number from 0 to 65535`},
		{args: []string{"--port="}, want: `flag --port: not a whole number; give one from 0 to 65535`},
		{args: []string{"--h2c=maybe"}, want: `flag --h2c "maybe": neither true nor false; give one of the two`},
		{args: []string{"--prefix=/{x}"}, want: `flag --prefix "/{x}": not a path; ` +
			`use letters, digits and - . _ ~ between slashes, such as /podinfo`},
		{args: []string{`--backend-url=a"b`}, want: `flag --backend-url "a\"b": a stray quote; ` +
			`separate by commas and put quotes around all of an entry or none of it`},
		{args: []string{"--port=a\nb\x1b[31m"},
			want: `flag --port "a\nb\x1b[31m": not a whole number; give one from 0 to 65535`},
		{args: []string{"--port=" + strings.Repeat("x", 100)}, want: `flag --port "` + strings.Repeat("x", 80) +
			`...": not a whole number; give one from 0 to 65535`},

		{env: []string{"PODINFO_PORT=70000"},
			want: `environment PODINFO_PORT "70000": out of range; give a number from 0 to 65535`},
		{env: []string{"PODINFO_PORT=-1"},
			want: `environment PODINFO_PORT "-1": out of range; give a number from 0 to 65535`},
		{env: []string{"PODINFO_PORT_METRICS=http"},
			want: `environment PODINFO_PORT_METRICS "http": not a whole number; give one from 0 to 65535`},
		{env: []string{"PODINFO_GRPC_PORT=http://x"},
			want: `environment PODINFO_GRPC_PORT "http://x": not a whole number; give one from 0 to 65535`},
		{env: []string{"PODINFO_HTTP_SERVER_TIMEOUT=30"},
			want: `environment PODINFO_HTTP_SERVER_TIMEOUT "30": not a duration; ` +
				`give a number with its unit, such as 500ms, 30s or 2m`},
		{env: []string{"PODINFO_HTTP_SERVER_TIMEOUT=-1s"},
			want: `environment PODINFO_HTTP_SERVER_TIMEOUT "-1s": out of range; give a duration from 0s to 8760h0m0s`},
		{env: []string{"PODINFO_HTTP_CLIENT_TIMEOUT=0"},
			want: `environment PODINFO_HTTP_CLIENT_TIMEOUT "0": out of range; give a duration from 1ms to 8760h0m0s`},
		{env: []string{"PODINFO_SHUTDOWN_DELAY=9000h"},
			want: `environment PODINFO_SHUTDOWN_DELAY "9000h": out of range; give a duration from 0s to 8760h0m0s`},
		{env: []string{"PODINFO_RANDOM_DELAY_UNIT=min"},
			want: `environment PODINFO_RANDOM_DELAY_UNIT "min": not a unit of the random delay; give s or ms`},
		{env: []string{"PODINFO_MAX_BODY_SIZE=0"},
			want: `environment PODINFO_MAX_BODY_SIZE "0": out of range; give a number from 1 to 1125899906842624`},
		{env: []string{"PODINFO_STORE_MAX_SIZE=1GiB"},
			want: `environment PODINFO_STORE_MAX_SIZE "1GiB": not a whole number; give one from 1 to 1125899906842624`},
		{env: []string{"PODINFO_STRESS_CPU=-1"},
			want: `environment PODINFO_STRESS_CPU "-1": out of range; give a number from 0 to 4096`},
		{env: []string{"PODINFO_STRESS_MEMORY=1000001"},
			want: `environment PODINFO_STRESS_MEMORY "1000001": out of range; give a number from 0 to 1000000`},
		{env: []string{"PODINFO_PLUGIN_CALL_TIMEOUT=0s"},
			want: `environment PODINFO_PLUGIN_CALL_TIMEOUT "0s": out of range; give a duration from 1ms to 8760h0m0s`},
		{env: []string{"PODINFO_PLUGIN_MAX_CALLS=0"},
			want: `environment PODINFO_PLUGIN_MAX_CALLS "0": out of range; give a number from 1 to 100000`},
		{env: []string{"PODINFO_PLUGIN_MAX_FILE_SIZE=0"},
			want: `environment PODINFO_PLUGIN_MAX_FILE_SIZE "0": out of range; give a number from 1 to 1125899906842624`},
		{env: []string{"PODINFO_PLUGIN_MAX_MEMORY=256MB"},
			want: `environment PODINFO_PLUGIN_MAX_MEMORY "256MB": not a whole number; give one from 0 to 1000000`},
		{args: []string{"--plugins-poll-interval=1ms"},
			want: `flag --plugins-poll-interval "1ms": out of range; give a duration from 10ms to 8760h0m0s`},
		{env: []string{"PODINFO_RANDOM_DELAY_MIN=6"},
			want: `environment PODINFO_RANDOM_DELAY_MIN "6": more than random-delay-max, which is 5; ` +
				`lower the one or raise the other`},
		{args: []string{"--random-delay-max=1"}, env: []string{"PODINFO_RANDOM_DELAY_MIN=2"},
			want: `flag --random-delay-max "1": less than random-delay-min, which is 2; raise the one or lower the other`},
	}
	for _, tt := range tests {
		t.Run(strings.Join(append(tt.args, tt.env...), " "), func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(tt.args, tt.env, config.Server)
			wantError(t, err, tt.want)
			stdout, stderr, code := report(err)
			if line, _, _ := strings.Cut(stderr, "\n"); code != 2 || stdout != "" || line != "Error: "+tt.want {
				t.Errorf("Report exits %d with stdout %q and first %q on stderr", code, stdout, line)
			}
		})
	}
}

// A mistake on the command line shows the flags; one elsewhere is a line and nothing else.
func TestReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		args, env []string
		code      int
		stdout    string
		stderr    string // its first line
		flags     bool   // whether stderr goes on with the list of flags
	}{
		{name: "version", args: []string{"--version"}, stdout: "6.15.0\n"},
		{name: "short version", args: []string{"-v", "and", "more"}, stdout: "6.15.0\n"},
		{name: "version looks at flags only", args: []string{"-v"}, env: []string{"PODINFO_H2C=x"}, stdout: "6.15.0\n"},
		{name: "version does not hide a mistake", args: []string{"-v", "--port=x"}, code: 2,
			stderr: `Error: flag --port "x": not a whole number; give one from 0 to 65535`, flags: true},
		{name: "help", args: []string{"--help"}, stderr: "Usage: podinfo [flags]", flags: true},
		{name: "short help", args: []string{"-h"}, stderr: "Usage: podinfo [flags]", flags: true},
		{name: "help before a mistake", args: []string{"-h", "--nope"}, stderr: "Usage: podinfo [flags]", flags: true},
		{name: "unknown flag", args: []string{"--nope"}, code: 2, stderr: "Error: unknown flag: --nope", flags: true},
		{name: "unknown flag over two lines", args: []string{"--no\npe=x"}, code: 2,
			stderr: "Error: unknown flag: --no pe", flags: true},
		{name: "unknown short flag", args: []string{"-port=80"}, code: 2, flags: true,
			stderr: "Error: unknown shorthand flag: 'p' in -port; a flag's full name takes two dashes"},
		{name: "missing value", args: []string{"--port"}, code: 2,
			stderr: "Error: flag needs an argument: --port", flags: true},
		{name: "no name", args: []string{"--=x"}, code: 2, stderr: "Error: bad flag syntax: --=x", flags: true},
		{name: "setting without a flag", args: []string{"--jwt-secret=x"}, code: 2, flags: true,
			stderr: "Error: unknown flag: --jwt-secret; set the environment variable PODINFO_JWT_SECRET or the " +
				"config file's key jwt-secret instead"},
		{name: "environment", env: []string{"PODINFO_H2C=x"}, code: 2,
			stderr: `Error: environment PODINFO_H2C "x": neither true nor false; give one of the two`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(tt.args, tt.env, config.Server)
			if err == nil || c != nil {
				t.Fatalf("Load returned %v and %v, want no Config and an error", c, err)
			}
			stdout, stderr, code := report(err)
			first, rest, _ := strings.Cut(stderr, "\n")
			if code != tt.code || stdout != tt.stdout || first != tt.stderr {
				t.Errorf("exit %d with stdout %q and first %q on stderr, want %d, %q, %q",
					code, stdout, first, tt.code, tt.stdout, tt.stderr)
			}
			if got := strings.Contains(rest, "--random-delay-unit"); got != tt.flags || (!tt.flags && rest != "") {
				t.Errorf("after its first line stderr has %q, want the list of flags: %v", rest, tt.flags)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	if err := config.Usage(&usage, config.Server); err != nil {
		t.Fatal(err)
	}
	_, help, _ := report(mustFail(t, "--port=1", "--ui-message=mine", "--help"))
	if help != usage.String() {
		t.Error("--help and Usage differ, want the same text with the same defaults")
	}
	for _, want := range []string{`(default 9898)`, `(default "greetings from podinfo v6.15.0")`, "PODINFO_JWT_SECRET"} {
		// The usage is wrapped, so a space may be the end of a line.
		if !strings.Contains(strings.Join(strings.Fields(help), " "), want) {
			t.Errorf("the usage does not mention %s:\n%s", want, help)
		}
	}
	for line := range strings.Lines(help) {
		if len(line) > 121 {
			t.Errorf("this line of the usage is longer than 120 columns: %s", line)
		}
	}
	if strings.Contains(help, config.DefaultJWTSecret) {
		t.Error("the usage shows the JWT secret")
	}
}

// Whatever goes wrong, the line that says so must not carry a secret into a log.
func TestErrorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	tests := []struct {
		name      string
		args, env []string
		file      string
	}{
		{name: "cache address in the wrong place", args: []string{"--port=tcp://user:" + secret + "@redis:6379"}},
		{name: "cache address with one dash", args: []string{"-cache-server=tcp://:" + secret + "@redis:6379"}},
		{name: "cache address with three dashes", args: []string{"---cache-server=tcp://:" + secret + "@redis:6379"}},
		{name: "misspelled cache flag", args: []string{"--cache-servr=tcp://:" + secret + "@redis:6379"}},
		{name: "secret with two dashes", args: []string{"--jwt-secret=" + secret}},
		{name: "secret with one dash", args: []string{"-jwt-secret=" + secret}},
		{name: "another setting wrong", env: []string{"PODINFO_JWT_SECRET=" + secret, "PODINFO_H2C=x"}},
		{name: "secret is the whole file", file: secret},
		{name: "secret in broken YAML", file: "jwt-secret: 'x\n  " + secret},
		{name: "secret as an anchor", file: "jwt-secret: *" + secret},
		{name: "secret as a map", file: "jwt-secret: {" + secret + ": " + secret + "}"},
		{name: "secret as a key given twice", file: secret + ": 1\n" + secret + ": 2\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--config-path=" + dir(t, "config.yaml", tt.file)}, tt.args...)
			_, err := config.Load(args, tt.env, config.Server)
			if err == nil {
				t.Fatal("Load found nothing wrong, so this test shows nothing")
			}
			if stdout, stderr, _ := report(err); strings.Contains(stdout+stderr+err.Error(), secret) {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}
}

// report runs Report and returns what it wrote.
func report(err error) (stdout, stderr string, code int) {
	var out, problems strings.Builder
	code = config.Report(&out, &problems, err)
	return out.String(), problems.String(), code
}

// mustFail returns the error that the arguments make.
func mustFail(t *testing.T, args ...string) error {
	t.Helper()
	_, err := config.Load(args, nil, config.Server)
	if err == nil {
		t.Fatalf("Load(%q) succeeded, want an error", args)
	}
	return err
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got the error\n%v\nwant\n%s", err, want)
	}
}
