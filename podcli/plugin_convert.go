package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What goes into a plugin and comes out of it, in bytes. A plugin takes 16 MiB; as JSON that can be several times as
// long.
const (
	maxValue  = 64 << 20
	maxResult = 128 << 20
)

func newPluginEncode() *cobra.Command {
	return converting("encode", &cobra.Command{
		Short: "Encode a value by a plugin",
		Long: "Encode a value by a plugin, and print what comes out as it is. The value is --data, the content of\n" +
			"--file or standard input: bytes, or with --json any value that JSON can hold.",
		Example: "  podcli plugin encode cbor --json --data='{\"temperature\": 21.5}' --output=t.cbor\n" +
			"  podcli plugin encode protocol-rpc-msgpack podinfo:9898 --file=value.json --json | xxd",
	})
}

func newPluginDecode() *cobra.Command {
	return converting("decode", &cobra.Command{
		Short: "Decode by a plugin what it encoded",
		Long: "Decode by a plugin what it encoded, and print the value: as JSON, or as it is when it is bytes. What to\n" +
			"decode is --data, the content of --file or standard input: bytes, or with --json a JSON string that is\n" +
			"bytes in base64, or any other JSON for plugins that take such values.",
		Example: "  podcli plugin decode cbor --file=t.cbor\n" +
			"  podcli plugin decode cbor --json --data='\"oWFhAQ==\"' https://podinfo.example.com",
	})
}

// conversion is where a value comes from and where the result goes.
type conversion struct {
	dialing dialing
	given   bool // whether data is
	data    string
	file    string
	json    bool
	output  string
	force   bool
}

func (c *conversion) addFlags(flags *pflag.FlagSet) {
	c.dialing.addFlags(flags)
	flags.StringVarP(&c.data, "data", "d", "", "the value itself")
	flags.StringVarP(&c.file, "file", "f", "", "file that holds the value; - is standard input, as without it")
	flags.BoolVar(&c.json, "json", false, "the value is JSON")
	flags.StringVarP(&c.output, "output", "o", "", "file to write the result to, at once or not at all")
	flags.BoolVar(&c.force, "force", false, "write the result to a terminal even when it is not text")
}

// converting completes cmd, which has a plugin do what verb says.
func converting(verb string, cmd *cobra.Command) *cobra.Command {
	var c conversion
	cmd.Use = verb + " NAME [URL]"
	cmd.Args = cobra.RangeArgs(1, 2)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path, err := pluginPath(args[0], verb)
		if err != nil {
			return err
		}
		c.given = cmd.Flags().Changed("data")
		api, err := c.dialing.open(args, 1)
		if err != nil {
			return err
		}
		defer api.close()
		return c.run(cmd, api, path)
	}
	c.addFlags(cmd.Flags())
	return cmd
}

func (c *conversion) run(cmd *cobra.Command, api *api, path string) error {
	value, err := c.value(cmd.InOrStdin())
	if err != nil {
		return err
	}
	q := question{method: http.MethodPost, path: path, contentType: "application/octet-stream", body: value}
	if c.json {
		q.contentType = "application/json"
	}
	got, err := c.dialing.ask(api, q, http.StatusOK)
	if err != nil {
		return err
	}
	if c.output != "" {
		return writeFile(c.output, got.body)
	}
	return writeResult(cmd.OutOrStdout(), got.body, c.force)
}

// value returns the value to convert.
func (c *conversion) value(stdin io.Reader) ([]byte, error) {
	switch {
	case c.given && c.file != "":
		return nil, errors.New("--data and --file contradict each other; give one of them")
	case c.given:
		return []byte(c.data), nil
	case c.file == "" || c.file == "-":
		return readValue(stdin)
	}
	file, err := os.Open(c.file)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	defer file.Close()
	return readValue(file)
}

// readValue reads all of r, which is not to be without end.
func readValue(r io.Reader) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(r, maxValue+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the value: %w", err)
	}
	if len(value) > maxValue {
		return nil, fmt.Errorf("the value is larger than %d MiB, and no plugin takes so much", maxValue>>20)
	}
	return value, nil
}
