// Command podcli asks a service from outside whether it works, and says so with its exit status: 0 for yes, 1 for
// everything else. It is the probe, the job and the debugging tool that is shipped beside podinfo:
//
//	podcli check http localhost:9898/healthz         # an exec probe: one try, 5s at most
//	podcli check http --retry=9 --delay=2s podinfo   # wait up to ten tries for a service to come up
//	podcli check tcp redis:6379
//	podcli check cert podinfo.example.com
//	podcli check grpc localhost:9999 --service=podinfo
//	podcli check ws ws://localhost:9898/ws/echo
//	podcli check token localhost:9898                # podinfo issues a token and accepts it
//	podcli check cache localhost:9898                # and its cache keeps what is written
//	podcli sleep 5s --exit-code=1                    # for a Job: the image has no shell
//	podcli ws localhost:9898/ws/echo                 # talk to a websocket, line by line
//	echo hello | podcli ws localhost:9898/ws/echo    # the same in a script
//	podcli plugin list                               # the protocol plugins of the podinfo on this machine
//	podcli plugin encode cbor --json --data='{"a":1}' --output=a.cbor
//	podcli plugin reload cbor podinfo:9898           # with the admin token in PODINFO_PLUGIN_ADMIN_TOKEN
//
// Every command has a file of its own; what the checks share (flags, tries, bounds and the log line) is in check.go and
// log.go. A check writes one line per try to standard error: time, level, caller, text and what it saw as a JSON
// object, separated by tabs. Standard output is left to the commands that were asked for something: help, the version,
// what a websocket says and what plugins make.
//
// Kubernetes runs an exec probe every few seconds in every pod, so what happens before main counts: packages are chosen
// for how little they do when they are loaded, and the program is built without symbols and with the tag grpcnotrace,
// which leaves out gRPC's trace pages and the HTML templates that they need.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/podinfo-targets/podinfo/shared/version"
)

// userAgent is how podcli introduces itself to HTTP and websocket servers.
const userAgent = "podcli/" + version.Version

// errReported ends a command whose failure the log has already told.
var errReported = errors.New("failed, as the log says")

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run executes the command line args, the program's name left out, and returns the exit status: 0 when the command did
// what it was asked, 1 when it failed or was misused; sleep chooses its own.
//
// It leaves signals alone, but while it sleeps: their default action ends a check at once, which is what we want, and
// catching them would add about a millisecond to the start of every probe.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	// cobra calls this once flags and arguments are accepted: an error before it is about usage.
	understood := false
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }

	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	if errors.Is(err, errReported) {
		return 1
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	fmt.Fprintf(stderr, "Error: %s\n", printable(err.Error()))
	if !understood {
		fmt.Fprintf(stderr, "\n%s", cmd.UsageString())
	}
	return 1
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "podcli",
		Short: "Check services and talk to them from the command line",
		// run shows errors itself: cobra would print the usage even for a service that is down.
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newCheck(), newPlugin(), newSleep(), newWS(), newVersion())
	return root
}
