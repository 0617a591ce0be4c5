package plugin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// The exit codes of a plugin.
const (
	exitDone   = 0 // its host said so, or SIGTERM
	exitFailed = 1
	exitUsage  = 2 // it was started in a way that cannot be served
)

// Serve serves p to the host that started this program, and exits the program when the host is done with it or is gone.
// It must be called by main. Started by hand, or under a name that is none of a plugin, it says on stderr what to do
// and exits with code 2.
func Serve(p Protocol) { os.Exit(serve(p, os.Args[0], os.Getenv, os.Stderr)) }

func serve(p Protocol, program string, getenv func(string) string, stderr io.Writer) int {
	name, err := parse(program, getenv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	sockets, err := openSockets(getenv)
	if err != nil {
		fmt.Fprintf(stderr, "%s: making a directory for its socket: %v\n", name.File, err)
		return exitFailed
	}
	defer sockets.remove()
	exit := func(code int) {
		sockets.remove()
		os.Exit(code)
	}
	if err := watchLife(getenv(wire.LifeFD), func() { exit(exitFailed) }); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name.File, err)
		return exitUsage
	}
	onTerminate(func() { exit(exitDone) })

	config := &goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: wire.Only(name.Transport, wire.ServerSets(newPrinting(p))),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: stderr, JSONFormat: true}),
	}
	if name.Transport == contract.GRPC {
		config.GRPCServer = wire.NewServer
	}
	goplugin.Serve(config)
	return exitDone
}

// parse returns the plugin's name. The error says how a plugin is to be started.
func parse(program string, getenv func(string) string) (contract.Name, error) {
	file := strings.TrimSuffix(filepath.Base(program), ".exe")
	name, err := contract.ParseName(file)
	handshake := wire.Handshake()
	if getenv(handshake.MagicCookieKey) == handshake.MagicCookieValue {
		return name, err
	}
	advice := fmt.Sprintf("%s is a plugin of podinfo, which starts it by itself: copy it into the directory that "+
		"podinfo is given with --plugins-path.", file)
	if err == nil {
		advice += "\nThen try it: podcli plugin encode " + name.Short
	} else {
		advice += fmt.Sprintf("\nGive it another name there: %v.", err)
	}
	return name, errors.New(advice)
}

// onTerminate calls do when the process is asked to end. SIGINT is left to go-plugin, which ignores it: in a terminal
// the host gets it too, and still needs its plugins to finish.
func onTerminate(do func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		do()
	}()
}
