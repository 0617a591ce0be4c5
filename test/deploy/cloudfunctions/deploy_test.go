// Package cloudfunctions holds the tests of deploy/cloudfunctions: what deploy.sh refuses, and that gcloud itself knows
// the command that it makes. What is uploaded, and that the platform's builder makes a function of it, is tested in
// targets/cloudfunctions.
package cloudfunctions

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	platform "github.com/podinfo-targets/podinfo/test/platform/cloudfunctions"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	root     = "../../.."
	script   = root + "/deploy/cloudfunctions/deploy.sh"
	document = root + "/deploy/cloudfunctions/README.md"
)

// result is what running the script came to.
type result struct {
	code           int
	stdout, stderr string
}

// deploy runs the script with the arguments, and with these variables beside those that are required.
func deploy(t *testing.T, variables []string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testkit.Need(t, "bash"), append([]string{script}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PROJECT=my-project", "REGION=europe-west1"}, variables...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestScriptIsBash(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), testkit.Need(t, "bash"), "-n", script).CombinedOutput(); err != nil {
		t.Errorf("bash -n: %v\n%s", err, out)
	}
	about, err := os.Stat(script)
	if err != nil {
		t.Fatal(err)
	}
	if about.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("%s has the mode %s, and cannot be run", script, about.Mode())
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	r := deploy(t, nil, "--help")
	if r.code != 0 || r.stderr != "" {
		t.Errorf("--help exits with %d and says %s", r.code, r.stderr)
	}
	for _, setting := range []string{"PROJECT", "REGION", "FUNCTION", "SERVICE_ACCOUNT", "RUNTIME", "MEMORY", "CPU",
		"CONCURRENCY", "MIN_INSTANCES", "MAX_INSTANCES", "TIMEOUT", "--secret", "--public", "--dry-run"} {
		if !strings.Contains(r.stdout, "  "+setting+" ") {
			t.Errorf("--help does not tell of %s", setting)
		}
	}
}

// Every wrong input ends the script before gcloud is run, with one line that names it.
func TestWrongInput(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		variables []string
		args      []string
		want      string // what the line begins with, after the name of the script
	}{
		{"no project", []string{"PROJECT="}, nil, "PROJECT is not set: give the id of a project"},
		{"no region", []string{"REGION="}, nil, "REGION is not set: give a region"},
		{"a project with a space", []string{"PROJECT=my project"}, nil, `PROJECT is "my project": give`},
		{"a zone for a region", []string{"REGION=europe-west1-b"}, nil, `REGION is "europe-west1-b": give a region`},
		{"a name in capitals", []string{"FUNCTION=Podinfo"}, nil, `FUNCTION is "Podinfo": give lower-case`},
		{"a service account without its domain", []string{"SERVICE_ACCOUNT=podinfo"}, nil,
			`SERVICE_ACCOUNT is "podinfo": give the email`},
		{"another runtime", []string{"RUNTIME=python313"}, nil, `RUNTIME is "python313": give a Go runtime`},
		{"memory without a unit", []string{"MEMORY=256"}, nil, `MEMORY is "256": give an amount`},
		{"no processor", []string{"CPU=much"}, nil, `CPU is "much": give a number`},
		{"a slice of a processor", []string{"CPU=0.5"}, nil, "CPU is 0.5: below 1, CONCURRENCY has to be 1"},
		{"too much at once", []string{"CONCURRENCY=1001"}, nil, `CONCURRENCY is "1001": give a number from 1 to 1000`},
		{"fewer than none", []string{"MIN_INSTANCES=-1"}, nil, `MIN_INSTANCES is "-1": give a number from 0`},
		{"none at most", []string{"MAX_INSTANCES=0"}, nil, `MAX_INSTANCES is "0": give a number from 1`},
		{"more than the most", []string{"MIN_INSTANCES=11"}, nil, "MIN_INSTANCES is 11, and MAX_INSTANCES only 10"},
		{"a timeout with a unit", []string{"TIMEOUT=60s"}, nil, `TIMEOUT is "60s": give a number of seconds`},
		{"a timeout that is too long", []string{"TIMEOUT=3601"}, nil, "TIMEOUT is 3601: give 3600 seconds at most"},
		{"a misspelt option", nil, []string{"--dry-urn"}, `"--dry-urn" is neither an option nor a setting`},
		{"a setting of something else", nil, []string{"MESSAGE=hello"}, `"MESSAGE" is neither an option nor a setting`},
		{"a setting without a value", nil, []string{"PODINFO_READ_ONLY"}, `"PODINFO_READ_ONLY" is neither`},
		{"a setting that separates", nil, []string{"PODINFO_UI_MESSAGE=a@@b"}, "the value of PODINFO_UI_MESSAGE holds @@"},
		{"a secret in the open", nil, []string{"PODINFO_JWT_SECRET=hunter2"}, "PODINFO_JWT_SECRET is a secret: store it"},
		{"a password in the open", nil, []string{"PODINFO_CACHE_SERVER=redis://me:hunter2@a"},
			"PODINFO_CACHE_SERVER is a secret: store it"},
		{"a secret of nothing", nil, []string{"--secret"}, "--secret needs NAME=SECRET"},
		{"a secret without a name", nil, []string{"--secret", "PODINFO_JWT_SECRET="}, "--secret PODINFO_JWT_SECRET needs"},
		{"a version that is none", nil, []string{"--secret", "PODINFO_JWT_SECRET=jwt:newest"},
			"--secret PODINFO_JWT_SECRET needs the name of a secret, and its version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := deploy(t, test.variables, append([]string{"--dry-run"}, test.args...)...)
			if r.code != 2 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("exit status %d, stdout %q, stderr %q; want 2, nothing and one line", r.code, r.stdout, r.stderr)
			}
			if !strings.HasPrefix(r.stderr, "deploy.sh: "+test.want) {
				t.Errorf("stderr is %q, want %q", r.stderr, test.want)
			}
			if strings.Contains(r.stderr, "hunter2") {
				t.Errorf("stderr shows the secret: %q", r.stderr)
			}
		})
	}
}

// dryRun returns the command that the script would run.
func dryRun(t *testing.T, variables []string, args ...string) string {
	t.Helper()
	r := deploy(t, variables, append([]string{"--dry-run"}, args...)...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit status %d and %s", r.code, r.stderr)
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// words are those of the command that --dry-run prints, as the shell reads them.
func words(t *testing.T, command string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bash", "-c", `printf '%s\n' `+command).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// everything gives each setting and each option.
var (
	variables = []string{"FUNCTION=other", "SERVICE_ACCOUNT=me@my-project.iam.gserviceaccount.com", "RUNTIME=go127",
		"MEMORY=1Gi", "CPU=2", "CONCURRENCY=1000", "MIN_INSTANCES=1", "MAX_INSTANCES=3", "TIMEOUT=3600"}
	arguments = []string{"--public", "PODINFO_UI_MESSAGE=hello, 'world' = $HOME", "--secret", "PODINFO_JWT_SECRET=jwt",
		"--secret", "OTEL_EXPORTER_OTLP_HEADERS=otlp:3", "PODINFO_READ_ONLY=true"}
)

func TestCommand(t *testing.T) {
	t.Parallel()
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name            string
		variables, args []string
		want            []string
	}{
		{"by default", nil, nil, []string{
			"gcloud", "functions", "deploy", "podinfo", "--gen2", "--project=my-project", "--region=europe-west1",
			"--runtime=go126", "--source=" + repository, "--entry-point=Podinfo", "--trigger-http",
			"--no-allow-unauthenticated", "--service-account=podinfo@my-project.iam.gserviceaccount.com",
			"--memory=256Mi", "--cpu=1", "--concurrency=80", "--min-instances=0", "--max-instances=10", "--timeout=60s",
			"--set-env-vars=^@@^GOOGLE_CLOUD_PROJECT=my-project", "--clear-secrets",
		}},
		{"with everything", variables, arguments, []string{
			"gcloud", "functions", "deploy", "other", "--gen2", "--project=my-project", "--region=europe-west1",
			"--runtime=go127", "--source=" + repository, "--entry-point=Podinfo", "--trigger-http",
			"--allow-unauthenticated", "--service-account=me@my-project.iam.gserviceaccount.com",
			"--memory=1Gi", "--cpu=2", "--concurrency=1000", "--min-instances=1", "--max-instances=3", "--timeout=3600s",
			"--set-env-vars=^@@^GOOGLE_CLOUD_PROJECT=my-project@@PODINFO_UI_MESSAGE=hello, 'world' = $HOME" +
				"@@PODINFO_READ_ONLY=true",
			"--set-secrets=PODINFO_JWT_SECRET=jwt:latest,OTEL_EXPORTER_OTLP_HEADERS=otlp:3",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := words(t, dryRun(t, test.variables, test.args...)); !slices.Equal(got, test.want) {
				t.Errorf("the command is\n%q, want\n%q", got, test.want)
			}
			wantRun(t, test.variables, test.args, test.want)
		})
	}
}

// wantRun holds that the script runs the command that it prints, with a gcloud that only notes how it was called.
func wantRun(t *testing.T, variables, args, want []string) {
	t.Helper()
	dir := t.TempDir()
	fake := "#!/bin/sh\nprintf '%s\\n' gcloud \"$@\"\nexit 3\n"
	if err := os.WriteFile(filepath.Join(dir, "gcloud"), []byte(fake), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	path := "PATH=" + dir + ":" + os.Getenv("PATH")
	r := deploy(t, append([]string{path}, variables...), args...)
	if got := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n"); !slices.Equal(got, want) {
		t.Errorf("the script runs\n%q, want\n%q", got, want)
	}
	if r.code != 3 {
		t.Errorf("the script exits with %d, want gcloud's own 3", r.code)
	}
}

// TestGcloudKnowsTheCommands asks gcloud, which needs no account for that.
func TestGcloudKnowsTheCommands(t *testing.T) {
	t.Parallel()
	commands := map[string]string{
		"by default":      dryRun(t, nil),
		"with everything": dryRun(t, variables, arguments...),
	}
	for _, command := range testkit.CommandsOf(t, document, "gcloud") {
		commands["README: "+command] = strings.NewReplacer("$PROJECT", "my-project", "$REGION", "europe-west1").
			Replace(command)
	}
	for name, command := range commands {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if said := platform.Lint(t, command); said != "" {
				t.Errorf("gcloud says to %s: %s", command, said)
			}
		})
	}
	t.Run("a mistake", func(t *testing.T) {
		t.Parallel()
		command := strings.Replace(commands["by default"], "--max-instances", "--most-instances", 1)
		if said := platform.Lint(t, command); !strings.Contains(said, "--most-instances") {
			t.Errorf("gcloud says %q to a flag that does not exist", said)
		}
	})
}

// TestDocumentedScript runs the script as the documents tell, but for the deployment itself.
func TestDocumentedScript(t *testing.T) {
	t.Parallel()
	for _, command := range testkit.CommandsOf(t, document, "deploy/cloudfunctions/deploy.sh") {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), testkit.Need(t, "bash"), "-c", command+" --dry-run")
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "PROJECT=my-project", "REGION=europe-west1")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "gcloud functions deploy podinfo ") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestFunctionTakesTheSettings starts the function with the variables that the command sets.
func TestFunctionTakesTheSettings(t *testing.T) {
	t.Parallel()
	args := words(t, dryRun(t, nil, "PODINFO_UI_MESSAGE=hello, world", "PODINFO_READ_ONLY=true"))
	i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--set-env-vars=") })
	settings := strings.Split(strings.TrimPrefix(args[i], "--set-env-vars=^@@^"), "@@")
	p := platform.Start(t, platform.Build(t), settings...)
	for path, want := range map[string]string{"/api/info": `"message": "hello, world"`, "/panic": `"code": 403`} {
		if got := testkit.Get(t, p.URL+path); !strings.Contains(got.Body, want) {
			t.Errorf("%s answers %s, want %s in it", path, got.Body, want)
		}
	}
}
