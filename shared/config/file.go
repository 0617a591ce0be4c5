package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// largestFile bounds the config file. It is what Kubernetes allows for all of a ConfigMap.
const largestFile = 1 << 20

// readFile takes from the config file what neither flags nor variables gave. No directory or no file is no error: a
// ConfigMap may be optional. A file that is there must be read and understood. Keys that are no settings are ignored,
// since the directory is also the application's own, and a null is as good as no key.
func (s *settings) readFile(dir, name string) error {
	if dir == "" || name == "" {
		return nil
	}
	path := filepath.Join(dir, name)
	file, err := parseFile(path)
	if err != nil {
		return fmt.Errorf("file %s: %w", oneLine(path), err)
	}
	if file == nil {
		return nil
	}
	for _, row := range s.from(fromFile) {
		if holdsSecret(row, file.Get(row.name)) {
			s.config.ConfigSecret = true // Even when another source counts.
		}
		if s.given(row.name) {
			continue
		}
		if err := s.giveFrom(file, row, "file "+oneLine(path)+" key "+row.name); err != nil {
			return err
		}
	}
	return nil
}

// holdsSecret tells whether the content of a setting is for the eyes of the operator alone. Of the cache's address that
// is the password in it.
func holdsSecret(row *setting, content any) bool {
	switch row.name {
	case "cache-server":
		address, _ := content.(string)
		return strings.Contains(address, "@")
	default:
		return row.secret && content != nil
	}
}

// giveFrom sets row from the key of its name.
func (s *settings) giveFrom(file *viper.Viper, row *setting, source string) error {
	content := file.Get(row.name)
	if content == nil {
		return nil
	}
	items, isList := content.([]any)
	target, wantsList := row.value.(pflag.SliceValue)
	if isList && wantsList {
		return s.giveItems(row, target, source, items)
	}
	text, ok := scalar(content)
	if !ok {
		return &settingError{source: source, cause: errors.New("not a single value; write one, in quotes if it is text")}
	}
	return s.give(row, source, text)
}

// giveItems sets a list to the items of a list in the file, each as it stands there.
func (s *settings) giveItems(row *setting, target pflag.SliceValue, source string, items []any) error {
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := scalar(item)
		if !ok {
			return &settingError{source: source, cause: fmt.Errorf("entry %d is not text; write it in quotes", i+1)}
		}
		texts[i] = text
	}
	s.origin[row.name] = source
	return target.Replace(texts)
}

// scalar returns a single value of YAML, JSON or TOML as the text that a flag would take. Lists, maps, dates and null
// are none.
func scalar(content any) (text string, ok bool) {
	switch v := content.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64: // all numbers of JSON
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// parseFile reads the file at path, or returns nil when there is none.
func parseFile(path string) (*viper.Viper, error) {
	content, err := readSmall(path, "config", largestFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	format, err := formatOf(path)
	if err != nil {
		return nil, err
	}
	parsed := viper.New()
	parsed.SetConfigType(format)
	if err := parsed.ReadConfig(bytes.NewReader(content)); err != nil {
		// The parser's own words may quote the file, and with it a secret. The line's number does not.
		return nil, fmt.Errorf("not valid %s%s; mend it or take the file away",
			strings.ToUpper(format), position(err, content))
	}
	return parsed, nil
}

// readSmall reads a regular file of at most that many bytes, so that neither a pipe nor a device can hold up the start.
// The flag is the one that names the file.
func readSmall(path, flag string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file; name one with --" + flag)
	}
	file, err := os.Open(path) //nolint:gosec // Which file is read is the operator's to say.
	if err != nil {
		return nil, unreadable(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if int64(len(content)) > most {
		return nil, fmt.Errorf("larger than %d bytes; is it the right file? name it with --%s", most, flag)
	}
	return content, nil
}

// unreadable takes the path out of an error of package os, since the line names it already, and adds the fix.
func unreadable(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%w; make it readable or take it away", err)
}

// formatOf tells the format from the last extension, so that a name may hold dots. A name without one is YAML.
func formatOf(path string) (string, error) {
	switch extension := strings.ToLower(filepath.Ext(path)); extension {
	case "", ".yaml", ".yml":
		return "yaml", nil
	case ".json", ".toml":
		return extension[1:], nil
	}
	return "", errors.New("unknown kind of file; end its name in .yaml, .json or .toml")
}

// position says in which line a parser gave up, as far as its error tells.
func position(err error, content []byte) string {
	var inJSON *json.SyntaxError
	var inTOML interface{ Position() (row, column int) }
	switch {
	case errors.As(err, &inJSON):
		before := content[:min(int(inJSON.Offset), len(content))]
		return fmt.Sprintf(" in line %d", bytes.Count(before, []byte("\n"))+1)
	case errors.As(err, &inTOML):
		row, _ := inTOML.Position()
		return fmt.Sprintf(" in line %d", row)
	}
	// The errors of YAML are texts such as "yaml: line 3: could not find expected ':'".
	_, after, _ := strings.Cut(err.Error(), "line ")
	var line int
	if _, err := fmt.Sscanf(after, "%d:", &line); err != nil {
		return ""
	}
	return fmt.Sprintf(" in line %d", line)
}
