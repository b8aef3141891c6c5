#!/bin/sh
sleep 35
