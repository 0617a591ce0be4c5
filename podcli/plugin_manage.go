package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// tokenVariable holds the admin token of podinfo, under the name by which podinfo itself takes it.
const tokenVariable = "PODINFO_PLUGIN_ADMIN_TOKEN" //nolint:gosec // its name, not what it holds

// maxToken bounds a file with a token, in bytes.
const maxToken = 16 << 10

const needsToken = " That needs podinfo's\nadmin token, from --token-file or the variable " + tokenVariable + "."

func newPluginReload() *cobra.Command {
	return managing("reload", &cobra.Command{
		Short: "Replace a plugin's process by one of its file as it is now",
		Long: "Replace a plugin's process by one of its file as it is now, without losing a call. When the new one does\n" +
			"not come up, the old one serves on." + needsToken,
	})
}

func newPluginKill() *cobra.Command {
	return managing("kill", &cobra.Command{
		Short: "End a plugin's process",
		Long:  "End a plugin's process. It stays stopped until it is started, or until its file changes." + needsToken,
	})
}

func newPluginStart() *cobra.Command {
	return managing("start", &cobra.Command{
		Short: "Start a plugin that is stopped, failed or waiting to be restarted",
		Long: "Start a plugin that is stopped, failed or waiting to be restarted, and wait until it serves." +
			needsToken,
	})
}

func newPluginDelete() *cobra.Command {
	return managing("delete", &cobra.Command{
		Short: "End a plugin's process and delete its file",
		Long:  "End a plugin's process and delete its file from podinfo's plugin directory." + needsToken,
	})
}

// managing completes cmd, which does what verb says to a plugin.
func managing(verb string, cmd *cobra.Command) *cobra.Command {
	var (
		dialing   dialing
		tokenFile string
	)
	cmd.Use = verb + " NAME [URL]"
	cmd.Example = "  podcli plugin " + verb + " cbor\n" +
		"  podcli plugin " + verb + " --token-file=token protocol-grpc-cbor https://podinfo.example.com"
	cmd.Args = cobra.RangeArgs(1, 2)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		token, err := adminToken(tokenFile)
		if err != nil {
			return err
		}
		api, err := dialing.open(args, 1)
		if err != nil {
			return err
		}
		defer api.close()
		state, err := manage(&dialing, api, verb, args[0], token)
		if err != nil {
			return errors.New(hide(err.Error(), token))
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), hide(state, token))
		return err
	}
	dialing.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "file that holds podinfo's admin token")
	return cmd
}

// manage does to the plugin what verb says, and returns a line on its state afterwards.
func manage(dialing *dialing, api *api, verb, name, token string) (string, error) {
	q, want := question{method: http.MethodPost, bearer: token}, http.StatusOK
	what := verb
	if verb == "delete" {
		q.method, want, what = http.MethodDelete, http.StatusNoContent, ""
	}
	var err error
	if q.path, err = pluginPath(name, what); err != nil {
		return "", err
	}
	got, err := dialing.ask(api, q, want)
	if err != nil {
		return "", err
	}
	if verb == "delete" {
		return name + " deleted", nil
	}
	var status pluginStatus
	if err := readStatus(q, got, &status); err != nil {
		return "", err
	}
	return printable(status.Name + " " + status.State), nil
}

// adminToken returns the token in the file, or else that of the environment; "" when there is none, for podinfo then
// says itself what it needs. Errors do not repeat it.
func adminToken(file string) (string, error) {
	if file == "" {
		return validToken(os.Getenv(tokenVariable), tokenVariable)
	}
	f, err := os.Open(file) //nolint:gosec // The caller says which file.
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token, err := validToken(string(content), "--token-file")
	if err == nil && token == "" {
		return "", fmt.Errorf("--token-file: %s is empty", file)
	}
	return token, err
}

// validToken returns the token without the white space around it, which files and here documents like to leave behind.
func validToken(token, source string) (string, error) {
	token = strings.TrimSpace(token)
	if len(token) > maxToken {
		return "", fmt.Errorf("%s: the token is longer than %d bytes", source, maxToken)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: no token that a header can carry; it may hold letters, digits and marks of ASCII alone",
			source)
	}
	return token, nil
}

// hide returns text without the token, which a server may repeat in whatever it says.
func hide(text, token string) string {
	if token == "" {
		return text
	}
	return strings.ReplaceAll(text, token, "********")
}
