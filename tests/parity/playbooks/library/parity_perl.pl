#!/usr/bin/perl
# WANT_JSON
open(my $file, '<', $ARGV[0]) or die 'no arguments';
my $text = join('', <$file>);
my ($word) = $text =~ /"word": "([^"]*)"/;
print qq({"changed": true, "word": "$word", "perl": 1}\n);
