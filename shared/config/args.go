package config

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// flags makes the flag set of the command line from the table. What it parses is written to the table's values.
func (s *settings) flags() *pflag.FlagSet {
	set := pflag.NewFlagSet(s.target.Name, pflag.ContinueOnError)
	set.SetOutput(io.Discard) // Report is the only one that prints.
	for _, row := range s.from(fromArgs) {
		flag := set.VarPF(row.value, row.name, row.short, row.usage)
		if row.value.Type() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	return set
}

// readArgs takes the flags. Of a flag given twice the last one counts, but lists grow; arguments that are no flags are
// ignored. The error for --help and --version is a request that [Report] serves.
func (s *settings) readArgs(args []string) error {
	set := s.flags()
	err := set.ParseAll(args, func(flag *pflag.Flag, text string) error {
		if err := s.give(s.table[flag.Name], "flag --"+flag.Name, text); err != nil {
			return err
		}
		if s.help {
			// At once: whoever asks for help may have the rest of the line wrong.
			return &helpRequest{usage: s.usage(set)}
		}
		return nil
	})
	var help *helpRequest
	var bad *settingError
	switch {
	case errors.As(err, &help):
		return err
	case errors.As(err, &bad):
		return &usageError{cause: err, usage: s.usage(set)}
	case err != nil:
		return &usageError{cause: s.syntaxError(err), usage: s.usage(set)}
	case s.version:
		return errVersion
	}
	return nil
}

// syntaxError words an error of pflag for the reader. It does not show what stands behind an equals sign, which might
// be a secret.
func (s *settings) syntaxError(err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return errors.New(oneLine(err.Error()))
	}
	name, shorts := unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()
	if shorts != "" {
		shorts, _, _ = strings.Cut(shorts, "=")
		return errors.New(oneLine(fmt.Sprintf(
			"unknown shorthand flag: %q in -%s; a flag's full name takes two dashes", []rune(name)[0], shorts)))
	}
	if row, ok := s.table[name]; ok && row.not == fromArgs {
		return fmt.Errorf("unknown flag: --%s; set the environment variable %s or the config file's key %s instead",
			name, row.variable(), name)
	}
	return errors.New(oneLine("unknown flag: --" + name))
}
