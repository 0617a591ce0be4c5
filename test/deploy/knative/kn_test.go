package knative

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// documents show kn commands. The first two must.
var documents = []string{"deploy/knative/README.md", "targets/knative/README.md", "README.md"}

// withoutFlag are the fields of service.yaml that kn has no flags for, or loses: --security-context replaces what
// --user has set. The README says so beside the command.
var withoutFlag = []string{
	"spec.template.spec.automountServiceAccountToken: false became nothing",
	"spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem: true became nothing",
	"spec.template.spec.containers[0].securityContext.runAsGroup: 65532 became nothing",
	"spec.template.spec.containers[0].securityContext.runAsUser: 65532 became nothing",
}

// TestKnCommandsMakeTheManifests runs the commands of the documents by what kn's reference says of its flags.
func TestKnCommandsMakeTheManifests(t *testing.T) {
	t.Parallel()
	for i, document := range documents {
		commands := creating(t, document)
		if len(commands) == 0 && i < 2 {
			t.Errorf("%s shows no kn service create", document)
		}
		for _, command := range commands {
			t.Run(document, func(t *testing.T) {
				t.Parallel()
				got, err := knServiceCreate(root, words(t, command))
				if err != nil {
					t.Fatalf("%s: %v", command, err)
				}
				if err := admit(got); err != nil {
					t.Errorf("%s makes a Service that Knative refuses: %v", command, err)
				}
				if diff := deviations(t, got, command); len(diff) > 0 {
					t.Errorf("%s makes another Service than the manifest:\n%s", command, strings.Join(diff, "\n"))
				}
			})
		}
	}
}

// deviations tells where a Service that a command has made is not that of the manifest, in fields kn has flags for.
func deviations(t *testing.T, got *servingv1.Service, command string) []string {
	t.Helper()
	if !strings.Contains(command, "--filename") {
		diff := differences(t, mustParse(t, read(t, service)), got)
		return slices.DeleteFunc(diff, func(d string) bool { return slices.Contains(withoutFlag, d) })
	}
	for _, file := range []string{service, "deploy/knative/service-grpc.yaml"} {
		if want := mustParse(t, read(t, file)); want.Name == got.Name {
			return differences(t, want, got)
		}
	}
	return []string{"no manifest makes a Service of the name " + got.Name}
}

// TestKnFlagsAreAllNeeded leaves out each flag of the long command in turn, and changes nothing else.
func TestKnFlagsAreAllNeeded(t *testing.T) {
	t.Parallel()
	commands := slices.DeleteFunc(creating(t, documents[0]), func(command string) bool {
		return strings.Contains(command, "--filename")
	})
	if len(commands) != 1 {
		t.Fatalf("%s shows %d commands without --filename, want one", documents[0], len(commands))
	}
	words := words(t, commands[0])
	for i := 1; i < len(words); {
		n := 2
		if strings.Contains(words[i], "=") || words[i] == "--cluster-local" {
			n = 1
		}
		without := slices.Concat(words[:i], words[i+n:])
		got, err := knServiceCreate(root, without)
		if err == nil && len(deviations(t, got, commands[0])) == 0 {
			t.Errorf("without %q kn makes the same Service", words[i:i+n])
		}
		i += n
	}
}

// TestKnRefuses what its reference does not offer, and notices what differs.
func TestKnRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, command, want string }{
		{"no image", "podinfo", "--image"},
		{"no name", "--image a:1", "name"},
		{"two names", "podinfo other --image a:1", "other"},
		{"an unknown flag", "podinfo --image a:1 --private", "--private is no flag"},
		{"a missing value", "podinfo --image", "--image needs a value"},
		{"a value for a switch", "podinfo --image a:1 --cluster-local=yes", "--cluster-local takes no value"},
		{"an image twice", "podinfo --image a:1 --image b:1", "only once"},
		{"an unknown probe", "podinfo --image a:1 --probe-readiness grpc::8080", "http:HOST:PORT:PATH"},
		{"an unknown probe option", "podinfo --image a:1 --probe-readiness-opts Period=1", "Period"},
		{"a port that is none", "podinfo --image a:1 --port http", "--port http"},
		{"a scale that is none", "podinfo --image a:1 --scale many", "--scale many"},
		{"an environment without a value", "podinfo --image a:1 --env A", "--env A"},
		{"no such security context", "podinfo --image a:1 --security-context tight", "tight"},
		{"a bad quantity", "podinfo --image a:1 --limit memory=much", "memory=much"},
		{"another kind of volume", "podinfo --image a:1 --volume data=pvc:data", "emptyDir"},
		{"another name than the file's", "other --filename deploy/knative/service.yaml", `"other"`},
		{"a file that is not there", "podinfo --filename deploy/knative/other.yaml", "other.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := knServiceCreate(root, strings.Fields(test.command)); err == nil ||
				!strings.Contains(err.Error(), test.want) {
				t.Errorf("kn service create %s: %v, want an error with %q", test.command, err, test.want)
			}
		})
	}
}

// TestKnTraffic wants the shares that kn service update sets to be whole
// (https://github.com/knative/client/blob/main/docs/cmd/kn_service_update.md).
func TestKnTraffic(t *testing.T) {
	t.Parallel()
	for _, command := range testkit.CommandsOf(t, filepath.Join(root, documents[0]), "kn service update") {
		sum := 0
		words := words(t, strings.TrimPrefix(command, "kn service update "))
		for i, word := range words {
			if word != "--traffic" {
				continue
			}
			_, percent, _ := strings.Cut(words[i+1], "=")
			share, err := strconv.Atoi(percent)
			if err != nil {
				t.Errorf("%s: %v", command, err)
			}
			sum += share
		}
		if sum != 100 {
			t.Errorf("%s: the shares make %d %%", command, sum)
		}
	}
}

// creating returns the arguments of the kn service create commands that a document shows.
func creating(t *testing.T, document string) []string {
	t.Helper()
	var found []string
	for _, command := range testkit.Commands(t, filepath.Join(root, document)) {
		if args, ok := strings.CutPrefix(command, "kn service create "); ok {
			found = append(found, args)
		}
	}
	return found
}

// words has a shell take a command line apart.
func words(t *testing.T, line string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, testkit.Need(t, "bash"), "-c", `printf '%s\n' `+line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}
