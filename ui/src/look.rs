//! How Sightline's panels look: calm, dense, sharp; dark or light as the person's system is.

use egui::style::WidgetVisuals;
use egui::{
    Color32, CornerRadius, FontDefinitions, FontFamily, FontId, Margin, Stroke, Style, TextStyle,
    Theme, Visuals, vec2,
};

/// The colours of one theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Color32,
    /// Chips, buttons, fields.
    pub raised: Color32,
    /// The same under the pointer.
    pub hover: Color32,
    /// Separators and outlines.
    pub line: Color32,
    pub text: Color32,
    /// Secondary text.
    pub weak: Color32,
    /// What can be acted on.
    pub accent: Color32,
    /// Text on `accent`, `danger` and `good`.
    pub on_accent: Color32,
    /// Recording, stop, deny.
    pub danger: Color32,
    pub good: Color32,
    pub caution: Color32,
}

const DARK: Palette = Palette {
    ground: Color32::from_rgb(0x1c, 0x1f, 0x24),
    raised: Color32::from_rgb(0x2a, 0x2e, 0x35),
    hover: Color32::from_rgb(0x37, 0x3c, 0x45),
    line: Color32::from_rgb(0x3a, 0x40, 0x4a),
    text: Color32::from_rgb(0xe4, 0xe7, 0xec),
    weak: Color32::from_rgb(0x9d, 0xa5, 0xb3),
    accent: Color32::from_rgb(0x3d, 0x7d, 0xd8),
    on_accent: Color32::WHITE,
    danger: Color32::from_rgb(0xd9, 0x45, 0x48),
    good: Color32::from_rgb(0x3c, 0x9a, 0x5f),
    caution: Color32::from_rgb(0xe3, 0xa0, 0x3c),
};

const LIGHT: Palette = Palette {
    ground: Color32::from_rgb(0xf6, 0xf7, 0xf9),
    raised: Color32::from_rgb(0xe6, 0xe9, 0xee),
    hover: Color32::from_rgb(0xd9, 0xde, 0xe5),
    line: Color32::from_rgb(0xc9, 0xcf, 0xd8),
    text: Color32::from_rgb(0x1b, 0x22, 0x2c),
    weak: Color32::from_rgb(0x55, 0x60, 0x70),
    accent: Color32::from_rgb(0x23, 0x63, 0xc2),
    on_accent: Color32::WHITE,
    danger: Color32::from_rgb(0xc2, 0x2f, 0x35),
    good: Color32::from_rgb(0x25, 0x7f, 0x49),
    caution: Color32::from_rgb(0x9a, 0x62, 0x0a),
};

/// The colours of the theme in use.
pub fn palette(ctx: &egui::Context) -> Palette {
    of(ctx.theme())
}

fn of(theme: Theme) -> Palette {
    match theme {
        Theme::Dark => DARK,
        Theme::Light => LIGHT,
    }
}

/// Two clicks within this time are one of two, in seconds: as desktops have it.
const DOUBLE_CLICK: f64 = 0.5;

/// Gives `ctx` our look, in both themes.
pub fn theme(ctx: &egui::Context) {
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| {
            style.visuals = visuals(theme);
            measures(style);
        });
    }
    ctx.options_mut(|options| {
        options.zoom_with_keyboard = false;
        options.input_options.max_double_click_delay = DOUBLE_CLICK;
    });
    ctx.set_fonts(fonts());
}

/// egui's own; what the one for text lacks (arrows, lines, Greek and Cyrillic of all kinds) comes from the one for terminals.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let terminals = fonts.families.get(&FontFamily::Monospace);
    let terminals = terminals.cloned().unwrap_or_default();
    let text = fonts.families.entry(FontFamily::Proportional).or_default();
    for font in terminals {
        if !text.contains(&font) {
            text.push(font);
        }
    }
    fonts
}

fn measures(style: &mut Style) {
    let font = |size: f32| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, font(11.0)),
        (TextStyle::Body, font(13.0)),
        (TextStyle::Button, font(13.0)),
        (TextStyle::Heading, font(18.0)),
        (
            TextStyle::Monospace,
            FontId::new(13.0, FontFamily::Monospace),
        ),
    ]
    .into();
    style.spacing.item_spacing = vec2(6.0, 4.0);
    style.spacing.button_padding = vec2(8.0, 2.0);
    style.spacing.interact_size = vec2(20.0, 20.0);
    style.spacing.window_margin = Margin::same(12);
    style.interaction.selectable_labels = false;
    // A panel that animates would be redrawn for nothing: Sightline draws when something changes.
    style.animation_time = 0.0;
}

fn visuals(theme: Theme) -> Visuals {
    let colours = of(theme);
    let mut visuals = theme.default_visuals();
    // Glyphs on whole pixels only: sharper, and copied without filtering.
    visuals.text_options.subpixel_binning = false;
    visuals.panel_fill = colours.ground;
    visuals.window_fill = colours.ground;
    visuals.window_stroke = Stroke::new(1.0, colours.line);
    visuals.window_corner_radius = CornerRadius::same(6);
    visuals.menu_corner_radius = CornerRadius::same(4);
    visuals.extreme_bg_color = match theme {
        Theme::Dark => Color32::from_rgb(0x13, 0x15, 0x19),
        Theme::Light => Color32::WHITE,
    };
    visuals.faint_bg_color = colours.raised;
    visuals.weak_text_color = Some(colours.weak);
    visuals.hyperlink_color = colours.accent;
    visuals.warn_fg_color = colours.caution;
    visuals.error_fg_color = colours.danger;
    visuals.selection.bg_fill = colours.accent;
    visuals.selection.stroke = Stroke::new(1.0, colours.on_accent);
    // The same reason as for animations: a cursor that blinks is drawn twice a second for nothing.
    visuals.text_cursor.blink = false;
    visuals.slider_trailing_fill = true;
    visuals.widgets.noninteractive = widget(colours.ground, colours.line, colours.text);
    visuals.widgets.inactive = widget(colours.raised, colours.raised, colours.text);
    visuals.widgets.hovered = widget(colours.hover, colours.line, colours.text);
    visuals.widgets.active = widget(colours.line, colours.accent, colours.text);
    visuals.widgets.open = widget(colours.hover, colours.line, colours.text);
    visuals
}

fn widget(fill: Color32, outline: Color32, text: Color32) -> WidgetVisuals {
    WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, outline),
        corner_radius: CornerRadius::same(4),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    }
}
