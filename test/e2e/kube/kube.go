// Package kube is how the end-to-end tests reach a cluster: any cluster that kubectl and helm reach, for it drives
// these two programs and nothing else.
//
// Every test works in namespaces of its own, which enforce the Pod Security standard "restricted"
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/) and are deleted at its end. When a test fails,
// what its namespaces hold is written to the test's log first.
//
// Two ways lead to what runs in a namespace. [Namespace.Forward] gives an address on this machine, by kubectl
// port-forward: good for looking at one pod, but it bypasses Services and ends with the pod. [Namespace.Load] keeps
// sending requests from a pod inside the namespace, through Services, and counts every one that fails: good for showing
// that a rollout loses nothing. Both work where a cluster's addresses are not routed to this machine, as with kind.
package kube

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/version"
)

// The images that test/e2e/images.sh builds and run.sh loads. The charts' and manifests' own references are the same.
const (
	Repository        = "ghcr.io/podinfo-targets/podinfo"
	KnativeRepository = Repository + "-knative"
	Image             = Repository + ":" + version.Version
	PluginsImage      = Repository + "-plugins:" + version.Version
	KnativeImage      = KnativeRepository + ":" + version.Version

	// PreviousVersion is the version that upgrades start from. Its image is the same binary with another label.
	PreviousVersion = "6.14.1"

	// ToolboxImage has busybox, and two versions of the plugin echo.
	ToolboxImage = "ghcr.io/podinfo-targets/toolbox:e2e"
	loadImage    = "ghcr.io/podinfo-targets/loadgen:e2e"
)

const (
	// commandTimeout bounds one run of kubectl or helm. Their own waiting (--timeout) must be set to less.
	commandTimeout = 4 * time.Minute
	// rolloutTimeout is what the pods of one workload get to become ready on a small, busy machine.
	rolloutTimeout = 2 * time.Minute
	// deleteTimeout is what a namespace gets to vanish: longer than the grace period of the pods in it.
	deleteTimeout = 2 * time.Minute

	// Every look at the cluster starts a kubectl, which is no small thing for a small machine.
	poll     = 500 * time.Millisecond
	slowPoll = 2 * time.Second
	// fastPoll is for what podinfo itself is asked.
	fastPoll = 50 * time.Millisecond
)

// runLabel marks the namespaces of one test process.
const runLabel = "podinfo-e2e-run"

// Main is the TestMain of every package of end-to-end tests. It skips the package unless E2E=1 says that the cluster of
// the current kubectl context is there to be tested on, and fails when that cluster does not answer.
func Main(m *testing.M) {
	if os.Getenv("E2E") != "1" {
		fmt.Fprintln(os.Stdout, "SKIPPED the end-to-end tests of this package: run by make e2e, on a cluster")
		return
	}
	for _, check := range [][]string{{"kubectl", "get", "--raw=/readyz"}, {"helm", "version", "--short"}} {
		if _, err := command("", check[0], check[1:]...); err != nil {
			fmt.Fprintln(os.Stderr, "the end-to-end tests need kubectl, helm and a cluster that answers:", err)
			os.Exit(1)
		}
	}
	code := m.Run()
	_, err := command("", "kubectl", "wait", "namespace", "--for=delete", "--selector="+runLabel+"="+runID(),
		"--timeout="+deleteTimeout.String())
	if err != nil && !strings.Contains(err.Error(), "no matching resources found") {
		fmt.Fprintln(os.Stderr, "the namespaces of the tests are not gone:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func runID() string { return strconv.Itoa(os.Getpid()) }

// Eventually waits until condition holds and fails the test, naming what was waited for, when it does not within
// timeout. It looks less often than testkit.Eventually does, for conditions that cost a request to the cluster.
func Eventually(t testing.TB, timeout time.Duration, what string, condition func() bool) {
	t.Helper()
	if !holds(timeout, poll, condition) {
		t.Fatalf("after %s still waiting for: %s", timeout, what)
	}
}

// Promptly is Eventually for conditions that cost little and whose time matters: it looks more often.
func Promptly(t testing.TB, timeout time.Duration, what string, condition func() bool) {
	t.Helper()
	if !holds(timeout, fastPoll, condition) {
		t.Fatalf("after %s still waiting for: %s", timeout, what)
	}
}

func holds(timeout, every time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			return false
		case <-ticker.C:
		}
	}
	return true
}

// command runs a program with input on its stdin and returns what it wrote to stdout. The error holds the command and
// all that the program said.
func command(input, program string, args ...string) (string, error) {
	// Not the context of a test: what a test leaves behind is taken away after that has ended.
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	cmd.WaitDelay = time.Second // a grandchild that holds the pipes must not hold up the test
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s%s",
			program, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}
