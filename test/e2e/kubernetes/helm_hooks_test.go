package kubernetes

import (
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// hookOrder are the values of the hooks with what each comes before (its Job has ended when Helm goes on) or after.
var hookOrder = []string{
	"preInstall", "postInstall", "preUpgrade", "postUpgrade", "preRollback", "postRollback", "preDelete", "postDelete",
}

// TestHelmHooks takes a release through its life with all hooks on, and looks when each has run.
func TestHelmHooks(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	args := []string{quickProbes}
	for _, hook := range hookOrder {
		// Kept until the next time, so that they can be looked at.
		args = append(args, "--set=hooks."+hook+".job.enabled=true,hooks."+hook+".job.sleepSeconds=2,"+
			"hooks."+hook+".job.hookDeletePolicy=before-hook-creation")
	}

	r.install(t, helmChart, args...)
	created := r.moment(t, "deployment/"+helmFullname, ".metadata.creationTimestamp")
	r.ran(t, "pre-install", time.Time{}, created)
	r.ran(t, "post-install", created, time.Time{})

	r.upgrade(t, append(args, "--set=ui.message=second")...)
	second := r.newestReplicaSet(t, "second")
	r.ran(t, "pre-upgrade", created, second)
	r.ran(t, "post-upgrade", second, time.Time{})

	r.Helm(t, "rollback", helmRelease, "1", "--wait", helmTimeout)
	r.ran(t, "pre-rollback", second, time.Time{})
	r.ran(t, "post-rollback", r.finished(t, "pre-rollback"), time.Time{})

	r.Helm(t, "uninstall", helmRelease, "--wait", helmTimeout)
	r.ran(t, "pre-delete", r.finished(t, "post-rollback"), time.Time{})
	r.ran(t, "post-delete", r.finished(t, "pre-delete"), time.Time{})

	r.Kubectl(t, "delete", "jobs", "--all") // which the policy chosen here keeps
	r.Gone(t)
}

// TestHelmHooksLeaveNothing runs hooks with the policy of the values, which takes the Jobs away.
func TestHelmHooksLeaveNothing(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	var args []string
	for _, hook := range hookOrder {
		args = append(args, "--set=hooks."+hook+".job.enabled=true")
	}
	r.install(t, helmChart, append(args, quickProbes)...)
	if jobs := r.Kubectl(t, "get", "jobs", "--output=name"); jobs != "" {
		t.Errorf("Jobs are left after the installation: %s", jobs)
	}
	r.uninstall(t)
}

// TestHelmHooksFail shows that a failing hook fails the step, named, and that what runs goes on running.
func TestHelmHooksFail(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	fails := func(hook string) []string {
		job := "hooks." + hook + ".job"
		return []string{quickProbes, "--wait", helmTimeout, "--set=" + job + ".enabled=true," + job + ".exitCode=3"}
	}
	_, err := r.TryHelm(append([]string{"install", helmRelease, helmChart}, fails("preInstall")...)...)
	if err == nil || !strings.Contains(err.Error(), "pre-install") {
		t.Fatalf("helm install must fail and name its hook, got: %v", err)
	}
	if left := r.Kubectl(t, "get", "deployments,services,jobs", "--output=name"); left != "" {
		t.Errorf("a failed pre-install hook leaves %s", left)
	}
	r.uninstall(t)

	r.install(t, helmChart, quickProbes)
	second := []string{"upgrade", helmRelease, helmChart, "--set=ui.message=second"}
	_, err = r.TryHelm(append(second, fails("preUpgrade")...)...)
	if err == nil || !strings.Contains(err.Error(), "pre-upgrade") {
		t.Fatalf("helm upgrade must fail and name its hook, got: %v", err)
	}
	if generation := r.get(t, "deployment/"+helmFullname, ".metadata.generation"); generation != "1" {
		t.Errorf("the Deployment was changed though the hook before it has failed (generation %s)", generation)
	}
	r.test(t)
	r.uninstall(t)
}

// ran fails the test unless the Job of a hook has succeeded, has begun no earlier than after and has ended no later
// than before. Kubernetes tells time in whole seconds, so that equal is in order; the Jobs sleep for two.
func (r release) ran(t *testing.T, hook string, after, before time.Time) {
	t.Helper()
	job := "job/" + helmFullname + "-" + hook
	if succeeded := r.get(t, job, ".status.succeeded"); succeeded != "1" {
		t.Errorf("%s has succeeded %q times, not once", hook, succeeded)
	}
	begun, ended := r.moment(t, job, ".metadata.creationTimestamp"), r.finished(t, hook)
	if begun.Before(after) {
		t.Errorf("%s has begun at %s, before what it must follow, at %s", hook, begun, after)
	}
	if !before.IsZero() && ended.After(before) {
		t.Errorf("%s has ended at %s, after what it must precede, at %s", hook, ended, before)
	}
}

func (r release) finished(t *testing.T, hook string) time.Time {
	t.Helper()
	return r.moment(t, "job/"+helmFullname+"-"+hook, ".status.completionTime")
}

// newestReplicaSet tells when the ReplicaSet was made whose pods have text in their environment.
func (r release) newestReplicaSet(t *testing.T, text string) time.Time {
	t.Helper()
	for name := range strings.FieldsSeq(r.Kubectl(t, "get", "replicasets", "--output=name")) {
		if strings.Contains(r.get(t, name, ".spec.template.spec.containers[0].env[*].value"), text) {
			return r.moment(t, name, ".metadata.creationTimestamp")
		}
	}
	t.Fatalf("no ReplicaSet has %q in its environment", text)
	return time.Time{}
}

func (r release) moment(t *testing.T, object, path string) time.Time {
	t.Helper()
	text := r.get(t, object, path)
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatalf("%s of %s: %v", path, object, err)
	}
	return moment
}
