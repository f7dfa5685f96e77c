// What every page does. Pages with more to do load a module of their own.
import "./copy.js";
import "./dialogs.js";
import "./drawer.js";
import "./forms.js";
import "./menus.js";
import "./palette.js";
import "./toasts.js";
