package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// localPodinfo is the address of the podinfo that the plugin commands talk to when they are given none.
const localPodinfo = "localhost:9898"

// maxPluginName is the length of the longest name of a plugin's file, in bytes: "protocol-grpc-" and 63 of its own.
const maxPluginName = 14 + 63

func newPlugin() *cobra.Command {
	plugin := &cobra.Command{
		Use:   "plugin",
		Short: "Use the protocol plugins of a podinfo, and manage them",
		Long: "Use the protocol plugins of a podinfo, and manage them. URL is podinfo's address with its prefix, by\n" +
			"default " + localPodinfo + ". NAME is the name of the plugin's file, protocol-grpc-cbor, or what follows\n" +
			"the transport in it, cbor.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	plugin.AddCommand(newPluginList(), newPluginEncode(), newPluginDecode(),
		newPluginReload(), newPluginKill(), newPluginStart(), newPluginDelete())
	return plugin
}

// dialing is how the plugin commands reach podinfo.
type dialing struct {
	trust   trust
	timeout time.Duration
}

func (d *dialing) addFlags(flags *pflag.FlagSet) {
	d.trust.addFlags(flags)
	flags.DurationVar(&d.timeout, "timeout", 30*time.Second, "bound on the whole call")
}

// open returns the API at the address, which is the argument at index i or that of the podinfo on this machine. Its
// caller closes it.
func (d *dialing) open(args []string, i int) (*api, error) {
	if err := validTimeout(d.timeout); err != nil {
		return nil, err
	}
	address := localPodinfo
	if len(args) > i {
		address = args[i]
	}
	base, err := parseURL(address, "http", "https")
	if err != nil {
		return nil, err
	}
	transport, err := d.trust.transport()
	if err != nil {
		return nil, err
	}
	return newAPI(base, transport), nil
}

// ask sends q to podinfo and returns the answer. One with another status than want is an error in podinfo's words.
func (d *dialing) ask(api *api, q question, want int) (got answer, err error) {
	err = within(d.timeout, func(ctx context.Context) error {
		got, err = api.ask(ctx, q, maxResult+1)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	if got.status != want {
		return answer{}, refusal(q, got, want)
	}
	if len(got.body) > maxResult {
		return answer{}, fmt.Errorf("the answer is larger than %d MiB", maxResult>>20)
	}
	return got, nil
}

// refusal is the error of an answer with another status than want: what podinfo says, when it is podinfo.
func refusal(q question, got answer, want int) error {
	var told struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(got.body, &told) != nil || told.Message == "" {
		return unexpected(q, got, want)
	}
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); err == nil {
		return fmt.Errorf("%s; try again in %d s", told.Message, after)
	}
	return errors.New(told.Message)
}

// pluginPath returns the path of a plugin, or of what can be done with it.
func pluginPath(name, what string) (string, error) {
	valid := name != "" && len(name) <= maxPluginName
	for _, c := range []byte(name) {
		valid = valid && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !valid {
		return "", fmt.Errorf("%.80q is no plugin's name, which is one of a-z, 0-9, _ and -; "+
			"use one that podcli plugin list shows, before the URL", name)
	}
	if what == "" {
		return "plugins/" + name, nil
	}
	return "plugins/" + name + "/" + what, nil
}

// pluginStatus is what podinfo tells about a plugin.
type pluginStatus struct {
	Name      string    `json:"name"`
	Transport string    `json:"transport"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Error     string    `json:"error"`
	SHA256    string    `json:"sha256"`
	PID       int       `json:"pid"`
	Restarts  int       `json:"restarts"`
	Reloads   int       `json:"reloads"`
	InFlight  int       `json:"in_flight"`
	Info      struct {
		Name        string `json:"name"`
		Version     string `json:"version"`
		ContentType string `json:"content_type"`
	} `json:"info"`
}

// readStatus reads an answer that is a plugin's status or a list of them, into target.
func readStatus(q question, got answer, target any) error {
	if err := json.Unmarshal(got.body, target); err != nil {
		return fmt.Errorf("the answer to %s %s is not what podinfo tells about plugins: %w", q.method, got.path, err)
	}
	return nil
}
