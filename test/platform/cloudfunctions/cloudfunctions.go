// Package cloudfunctions runs a Cloud Function in tests as its platform does: the real functions framework is linked
// into the binary, and the process gets the variables that the container gets. What stands before the container on the
// platform, Google's front end, is not here: a test sends the headers that it would add.
package cloudfunctions

import (
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	startTimeout = 30 * time.Second
	// startAttempts bounds how often a function is started anew because someone else took its port.
	startAttempts = 5
)

// Build compiles the local runner of the function, whose main package is what the platform writes.
func Build(t testing.TB) string {
	t.Helper()
	return testkit.Build(t, "targets/cloudfunctions/podinfo-function")
}

// Start runs the binary and returns once it answers; its URL is set. The test ends at once, with the process's log,
// when it does not come up.
//
// A setting is a variable, NAME=value, or a flag of podinfo, --name=value, which becomes its PODINFO_ variable, since
// a function has no command line. A setting that is given wins over what the platform sets; see
// https://cloud.google.com/run/docs/container-contract#services-env-vars and
// https://cloud.google.com/functions/docs/configuring/env-var#runtime_environment_variables_set_automatically.
// Nothing is inherited from the test's own environment.
func Start(t testing.TB, binary string, settings ...string) *testkit.Process {
	t.Helper()
	data := t.TempDir()
	for range startAttempts {
		port := testkit.FreePorts(t, 1)[0]
		p := testkit.Exec(t, binary, nil, environ(port, data, settings))
		p.URL = "http://" + net.JoinHostPort("127.0.0.1", port)
		if up(p) {
			return p
		}
		if !strings.Contains(p.Stderr(), "address already in use") {
			t.Fatalf("%s did not come up; stderr:\n%s", binary, p.Stderr())
		}
	}
	t.Fatalf("%s found its port taken %d times in a row", binary, startAttempts)
	return nil
}

// environ is what the container gets. Of a variable given twice the last one counts.
func environ(port, data string, settings []string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + data,
		"TMPDIR=" + os.TempDir(),
		"PORT=" + port,
		"LOCAL_ONLY=true", // The platform's containers listen on every address; on a machine that is shared none does.
		"FUNCTION_TARGET=Podinfo",
		"FUNCTION_SIGNATURE_TYPE=http",
		"K_SERVICE=podinfo",
		"K_REVISION=podinfo-00001-abc",
		"K_CONFIGURATION=podinfo",
		"CLOUD_RUN_TIMEOUT_SECONDS=60",
		"PODINFO_DATA_PATH=" + data,
	}
	for _, name := range []string{"GOCOVERDIR", "GORACE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for _, setting := range settings {
		env = append(env, variable(setting))
	}
	return env
}

// variable turns a flag into its variable. A flag without a value is a switch that is on.
func variable(setting string) string {
	flag, isFlag := strings.CutPrefix(setting, "--")
	if !isFlag {
		return setting
	}
	name, value, given := strings.Cut(flag, "=")
	if !given {
		value = "true"
	}
	return "PODINFO_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "=" + value
}

// up waits until the function answers; false if that does not happen in time or the process ends.
func up(p *testkit.Process) bool {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		if answers(p.URL) {
			return true
		}
		select {
		case <-p.Exited():
			return false
		case <-deadline.C:
			return false
		case <-poll.C:
		}
	}
}

// answers tells whether there is any answer.
func answers(url string) bool {
	client := http.Client{Timeout: startTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url + "/health/live")
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil
}
