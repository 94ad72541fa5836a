# Reads documents, one a line as a JSON string, with Python's expat, and prints each as [tag, attributes, text, children].
import json
import sys
import xml.etree.ElementTree as ElementTree


def shape(element):
    return [element.tag, element.attrib, element.text or "", [shape(child) for child in element]]


for line in sys.stdin:
    print(json.dumps(shape(ElementTree.fromstring(json.loads(line)))))
