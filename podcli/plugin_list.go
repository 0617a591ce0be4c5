package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newPluginList() *cobra.Command {
	var (
		dialing dialing
		format  string
	)
	cmd := &cobra.Command{
		Use:   "list [URL]",
		Short: "List the plugins",
		Long: "List the plugins with their states. --output=wide adds process, file and what the plugins say of\n" +
			"themselves, --output=json prints what podinfo answers.",
		Example: "  podcli plugin list\n" +
			"  podcli plugin list --output=wide https://podinfo.example.com",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "" && format != "json" && format != "wide" {
				return fmt.Errorf("--output is %q; use json or wide, or leave it out", format)
			}
			api, err := dialing.open(args, 0)
			if err != nil {
				return err
			}
			defer api.close()
			return listPlugins(cmd.OutOrStdout(), &dialing, api, format)
		},
	}
	dialing.addFlags(cmd.Flags())
	cmd.Flags().StringVarP(&format, "output", "o", "", "json or wide (default: a table)")
	return cmd
}

func listPlugins(out io.Writer, dialing *dialing, api *api, format string) error {
	q := question{method: http.MethodGet, path: "plugins"}
	got, err := dialing.ask(api, q, http.StatusOK)
	if err != nil {
		return err
	}
	var list []pluginStatus
	if err := readStatus(q, got, &list); err != nil {
		return err
	}
	if format == "json" {
		return printJSON(out, string(got.body))
	}
	return printTable(out, list, format == "wide", time.Now())
}

// printJSON prints JSON as it is, but that a terminal is shown nothing that it may obey.
func printJSON(out io.Writer, text string) error {
	text = strings.TrimSpace(text)
	if isTerminal(out) {
		text = printableLines(text)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// printableLines is printable for a text of several lines.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// printTable prints a line for each plugin, below a line of names. The error comes last, because it may be long.
func printTable(out io.Writer, list []pluginStatus, wide bool, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	columns := []string{"NAME", "TRANSPORT", "STATE", "RESTARTS", "RELOADS", "IN-FLIGHT", "AGE"}
	if wide {
		columns = append(columns, "PID", "SHA256", "PROTOCOL", "VERSION", "CONTENT-TYPE")
	}
	printRow(table, append(columns, "ERROR"))
	for i := range list {
		printRow(table, row(&list[i], wide, now))
	}
	return table.Flush()
}

func row(s *pluginStatus, wide bool, now time.Time) []string {
	cells := []string{
		s.Name, s.Transport, s.State,
		strconv.Itoa(s.Restarts), strconv.Itoa(s.Reloads), strconv.Itoa(s.InFlight), age(s.Since, now),
	}
	if wide {
		cells = append(cells, pid(s.PID), s.SHA256[:min(12, len(s.SHA256))],
			s.Info.Name, s.Info.Version, s.Info.ContentType)
	}
	return append(cells, s.Error)
}

// printRow prints the cells of a line. An empty one is shown as a dash, so that columns can be counted, but the last.
func printRow(table io.Writer, cells []string) {
	for i, cell := range cells {
		cell = strings.ReplaceAll(printable(cell), "\t", " ")
		if cell == "" && i < len(cells)-1 {
			cell = "-"
		}
		cells[i] = cell
	}
	fmt.Fprintln(table, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
}

func pid(id int) string {
	if id == 0 {
		return ""
	}
	return strconv.Itoa(id)
}

// age returns the time since then in its largest unit: what one wants to know at a glance. A clock that differs
// from the server's must not make it negative.
func age(since, now time.Time) string {
	const day = 24 * time.Hour
	span := now.Sub(since)
	switch {
	case since.IsZero():
		return ""
	case span < time.Minute:
		return fmt.Sprintf("%ds", int(max(0, span).Seconds()))
	case span < time.Hour:
		return fmt.Sprintf("%dm", int(span.Minutes()))
	case span < 2*day:
		return fmt.Sprintf("%dh", int(span.Hours()))
	default:
		return fmt.Sprintf("%dd", int(span/day))
	}
}
