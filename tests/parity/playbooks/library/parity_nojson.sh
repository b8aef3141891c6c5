#!/bin/sh
echo 'no JSON at all'
exit 3
